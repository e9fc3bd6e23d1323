import SluiceDocuments
package import SluiceJournalReader
import SluicePolicy
package import SluiceVocabulary

/// `sluice policy replay`: which requests of the past a candidate would decide otherwise.
package struct PolicyReplayTool: Sendable {
    /// The journal and the part of it that is judged.
    package struct Span: Sendable {
        package var source: JournalSource
        /// `2026-11-29T12:00:00Z`, or how long ago, like `10m`.
        package var since: String?
        package var until: String?
        /// How long limits are charged before requests are judged; nil = as long as they remember.
        package var warmUp: String?

        package init(
            source: JournalSource, since: String? = nil, until: String? = nil, warmUp: String? = nil
        ) {
            self.source = source
            self.since = since
            self.until = until
            self.warmUp = warmUp
        }
    }

    package var candidate: String
    /// Nil = what the journal says was decided.
    package var baseline: String?
    package var span: Span
    /// Flips listed in the text.
    package var examples: Int
    /// Exit code 1 when a request would flip, as `policy diff` has it.
    package var tellsByExitCode: Bool
    package var style: OutputStyle

    package init(
        candidate: String, baseline: String?, span: Span, examples: Int, tellsByExitCode: Bool,
        style: OutputStyle
    ) {
        self.candidate = candidate
        self.baseline = baseline
        self.span = span
        self.examples = examples
        self.tellsByExitCode = tellsByExitCode
        self.style = style
    }

    /// Entries are received later than decided, by as long as their requests last.
    private static let receiptMicroseconds: Int64 = 120_000_000

    /// Replays.
    ///
    /// - Parameters:
    ///   - now: what `--since 10m` counts from.
    ///   - progress: is told now and then how far it is.
    package func run(
        catalog: ActionCatalog, now: WallTime, progress: (ReplayProgress) -> Void
    ) throws -> ToolResult {
        var sources: [PolicySource] = []
        var errors: [Diagnostic] = []
        for directory in [candidate, baseline].compactMap({ $0 }) {
            do throws(DiagnosticList) {
                sources.append(try PolicySource(directory: directory, catalog: catalog))
            } catch {
                errors += error.diagnostics
            }
        }
        guard errors.isEmpty else { return try style.wrong(DiagnosticList(errors)) }
        let sink = DiagnosticSink()
        let question = question(sources, now, sink)
        if sink.list.hasErrors { return try style.wrong(sink.list) }
        let replay = PolicyReplay(question)
        do throws(JournalFailure) {
            let reader = try JournalReader(
                span.source, names: ReplayField.names,
                selection: JournalSelection(
                    match: "SYSLOG_IDENTIFIER=sluice",
                    since: replay.readsFrom.map { WallTime(microseconds: $0) },
                    until: question.until.map {
                        WallTime(microseconds: $0 + Self.receiptMicroseconds)
                    }))
            try replay.run(reader, progress: progress)
        } catch {
            return .failed(error.text)
        }
        let text =
            style.isJSON
            ? try jsonText(ReplayRecord(replay, source: span.source.text))
            : ReplayText(
                replay: replay, source: span.source.text, examples: examples,
                isTerminal: style.isTerminal
            ).lines.joined(separator: "\n")
        let code: Int32 = tellsByExitCode && replay.tally.flippedEntries > 0 ? 1 : 0
        return ToolResult(output: text, exitCode: code)
    }

    private func question(
        _ sources: [PolicySource], _ now: WallTime, _ sink: DiagnosticSink
    ) -> PolicyReplay.Question {
        let memory = sources.map(\.model.memoryNanoseconds).max() ?? 0
        let warmUp = span.warmUp.flatMap {
            DocumentValue.untyped($0, at: SourcePosition(file: "--warm-up")).duration(sink)
        }
        let since = Self.moment(span.since, "--since", now, sink)
        let until = Self.moment(span.until, "--until", now, sink)
        if let since, let until, since >= until {
            sink.error(
                "the time ends before it begins", at: SourcePosition(file: "--until"),
                hint: "--until is later than --since")
        }
        return PolicyReplay.Question(
            candidate: sources[0], baseline: sources.count > 1 ? sources[1] : nil, since: since,
            until: until, warmUpMicroseconds: ((warmUp ?? memory) + 999) / 1_000)
    }

    /// Microseconds since 1970 of a time or of how long ago it is.
    private static func moment(
        _ text: String?, _ option: String, _ now: WallTime, _ sink: DiagnosticSink
    ) -> Int64? {
        guard let text else { return nil }
        if let time = WallTime(text: text) { return time.microseconds }
        let value = DocumentValue.untyped(text, at: SourcePosition(file: option))
        let silent = DiagnosticSink()
        if let ago = value.duration(silent) { return now.microseconds - ago / 1_000 }
        return value.expected(
            "a time like 2026-11-29T12:00:00Z, or how long ago, like 10m", sink,
            hint: "times are UTC, to the second")
    }
}
