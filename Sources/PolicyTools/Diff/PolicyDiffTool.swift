import SluiceDocuments
import SluicePolicyLanguage
package import SluiceVocabulary

/// `sluice policy diff`: what a reload from one directory to another would do.
package struct PolicyDiffTool: Sendable {
    package var old: String
    package var new: String
    /// Exit code 1 when the sets differ, as `git diff --exit-code` has it.
    package var tellsByExitCode: Bool
    package var style: OutputStyle

    package init(old: String, new: String, tellsByExitCode: Bool, style: OutputStyle) {
        self.old = old
        self.new = new
        self.tellsByExitCode = tellsByExitCode
        self.style = style
    }

    /// Compares them; all errors of both when one cannot be loaded.
    package func run(catalog: ActionCatalog) throws -> ToolResult {
        var sources: [PolicySource] = []
        var errors: [Diagnostic] = []
        for directory in [old, new] {
            do throws(DiagnosticList) {
                sources.append(try PolicySource(directory: directory, catalog: catalog))
            } catch {
                errors += error.diagnostics
            }
        }
        guard errors.isEmpty, let old = sources.first, let new = sources.last else {
            return try style.wrong(DiagnosticList(errors))
        }
        let changes = PolicyChanges(from: old, to: new)
        let code: Int32 = tellsByExitCode && !changes.isEmpty ? 1 : 0
        let text =
            style.isJSON
            ? try jsonText(PolicyDiffRecord(old, new, changes))
            : Self.lines(old, new, changes).joined(separator: "\n")
        return ToolResult(output: text, exitCode: code)
    }

    private static func lines(
        _ old: PolicySource, _ new: PolicySource, _ changes: PolicyChanges
    ) -> [String] {
        var lines = ["from  \(old.title)", "to    \(new.title)"]
        if changes.isEmpty { return lines + ["", "no difference: a reload would change nothing"] }
        for (title, rules) in [("limits", changes.limits), ("permissions", changes.permissions)]
        where !rules.isEmpty {
            lines += ["", title]
            for rule in rules {
                lines.append("  " + head(of: rule))
                lines += rule.fields.map { "      " + text(of: $0) }
            }
        }
        if !changes.set.isEmpty {
            lines +=
                ["", "the set"]
                + changes.set.map {
                    "  " + ($0.rule == "permissions.default" ? "permissions." : "\($0.rule).")
                        + text(of: $0)
                }
        }
        return lines + ["", buckets(changes)]
    }

    private static func head(of rule: RuleChange) -> String {
        let name = rule.was.map { "\($0) -> \(rule.name)" } ?? rule.name
        let fate = rule.buckets.map { "; " + sentence($0) } ?? ""
        return "\(rule.kind.rawValue)  \(name)\(fate)"
    }

    private static func sentence(_ fate: BucketFate) -> String {
        switch fate {
        case .kept: "its buckets are kept"
        case .converted: "its buckets keep the share that is used"
        case .restarted: "its buckets start anew"
        case .new: "its buckets start full"
        case .forgotten: "its buckets are forgotten"
        }
    }

    private static func text(of change: FieldChange) -> String {
        "\(change.field): \(change.old ?? "(none)") -> \(change.new ?? "(none)")"
    }

    /// `3 kept, 1 converted`: how many limits keep theirs, and so on.
    private static func buckets(_ changes: PolicyChanges) -> String {
        let counts = BucketFate.allCases.compactMap { fate in
            changes.buckets[fate].map { "\($0) \(fate.rawValue)" }
        }
        return counts.isEmpty
            ? "no limits" : "buckets by limit: " + counts.joined(separator: ", ")
    }
}
