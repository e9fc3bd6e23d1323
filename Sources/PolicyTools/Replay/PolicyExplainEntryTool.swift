import SluiceDocuments
package import SluiceJournalReader
import SluicePolicy
package import SluiceVocabulary

/// `sluice policy explain --from-journal`: why a request of the past was decided as it was, under
/// today's policies and, on request, under older ones.
package struct PolicyExplainEntryTool: Sendable {
    package var directory: String
    /// Policies it is explained under too; nil = today's alone.
    package var was: String?
    package var requestID: String
    package var source: JournalSource
    package var style: OutputStyle

    package init(
        directory: String, was: String?, requestID: String, source: JournalSource,
        style: OutputStyle
    ) {
        self.directory = directory
        self.was = was
        self.requestID = requestID
        self.source = source
        self.style = style
    }

    /// Explains. Exit code 0 whatever the verdict, 1 when there is no such request.
    package func run(catalog: ActionCatalog) throws -> ToolResult {
        if case .files(let paths) = source, paths.contains("-") {
            return .usage("the journal is read twice: write standard input to a file first")
        }
        var sources: [PolicySource] = []
        var errors: [Diagnostic] = []
        for directory in [was, directory].compactMap({ $0 }) {
            do throws(DiagnosticList) {
                sources.append(try PolicySource(directory: directory, catalog: catalog))
            } catch {
                errors += error.diagnostics
            }
        }
        guard errors.isEmpty else { return try style.wrong(DiagnosticList(errors)) }
        var request: ReplayEntry?
        var found: [JournalExplanation] = []
        do throws(JournalFailure) {
            request = try JournalExplanation.find(requestID, in: source)
            if let request {
                for policy in sources {
                    found.append(try JournalExplanation(request, under: policy, in: source))
                }
            }
        } catch {
            return .failed(error.text)
        }
        guard let request else {
            return .failed(
                "\(source.text) has no request \(requestID) that the policy decided; ids are in "
                    + "SLUICE_REQUEST_ID")
        }
        return try result(request, found)
    }

    private func result(
        _ request: ReplayEntry, _ found: [JournalExplanation]
    ) throws -> ToolResult {
        if style.isJSON { return ToolResult(output: try jsonText(Record(request, found))) }
        var lines = [
            "request: \(request.requestID), \(request.action) over \(request.transport.name), "
                + "\(counted(request.bytes, "byte")), by \(request.who)",
            "time: \(WallTime(microseconds: request.time).text)",
            "then: \(request.decision.rule.map { "refused by \($0)" } ?? "passed")"
                + revision(request),
        ]
        for one in found {
            lines += ["", "policy: \(one.source.title)" + difference(request, one)]
            lines += TraceText(one.trace, permitsByDefault: one.source.model.permitsByDefault).lines
            lines.append("charged before it: \(counted(one.charged, "request"))")
            lines += doubts(request, one)
        }
        return ToolResult(output: lines.joined(separator: "\n"))
    }

    private func revision(_ request: ReplayEntry) -> String {
        request.policy.isEmpty ? "" : ", under revision \(request.policy.prefix(12))"
    }

    private func difference(_ request: ReplayEntry, _ one: JournalExplanation) -> String {
        if request.policy.isEmpty { return "" }
        return request.policy == one.source.snapshot.revision
            ? ", the one then in force" : ", another than then"
    }

    private func doubts(_ request: ReplayEntry, _ one: JournalExplanation) -> [String] {
        var lines: [String] = []
        if !one.isWhole {
            lines.append("not known: the journal does not reach back as far as the limits remember")
        }
        for rule in one.gaps {
            let facts = rule.facts.joined(separator: ", ")
            lines.append("not known: \(facts), which \(rule.name) looks at")
        }
        if request.weight > 1 {
            lines.append("not known: requests around it were sampled out, and are not charged")
        }
        return lines
    }

    private struct Record: Encodable {
        let request: String
        let timeMicroseconds: Int64
        let who: String
        let action: String
        let revision: String
        /// Rule that refused then; nil = it passed.
        let refusedThen: String?
        let explanations: [Explanation]

        enum CodingKeys: String, CodingKey {
            case request, who, action, revision, explanations
            case timeMicroseconds = "time_us"
            case refusedThen = "refused_then"
        }

        struct Explanation: Encodable {
            let policy: PolicySourceRecord
            let sameRevision: Bool
            let charged: Int
            let whole: Bool
            let trace: TraceRecord

            enum CodingKeys: String, CodingKey {
                case policy, charged, whole, trace
                case sameRevision = "same_revision"
            }
        }

        init(_ request: ReplayEntry, _ found: [JournalExplanation]) {
            self.request = request.requestID
            timeMicroseconds = request.time
            who = request.who
            action = request.action
            revision = request.policy
            refusedThen = request.decision.rule
            explanations = found.map {
                Explanation(
                    policy: PolicySourceRecord($0.source),
                    sameRevision: request.policy == $0.source.snapshot.revision,
                    charged: $0.charged, whole: $0.isWhole, trace: TraceRecord($0.trace))
            }
        }
    }
}
