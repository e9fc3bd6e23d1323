import ArgumentParser
import Foundation
import Glibc
import SluiceJournalReader
import SluicePolicyTools
import SluiceTools

struct PolicyReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Show which requests of the past a candidate would decide otherwise.",
        discussion: """
            Reads the journal, makes each request of its entry again, and puts it to
            the candidate at the time it came. Spends and changes nothing. Exit code 0
            whether or not requests flip, unless --exit-code is given; 1 when the
            journal cannot be read; 64 when a file or an option is wrong.

            Examples:
              sluice policy replay candidate --since 1h
              sluice policy replay candidate --namespace sluice --since 2026-11-29T12:00:00Z
              sluice policy replay candidate --file monday.export --examples 20
              journalctl -t sluice -o export | sluice policy replay candidate --file - --json
              sluice policy replay candidate --baseline /etc/sluice/policies --since 1d
            """)

    @Argument(help: "The directory of the candidate's policy files.")
    var candidate: String

    @Option(
        help: ArgumentHelp(
            "Compare with these policies; default: with what the journal says was decided.",
            valueName: "directory"))
    var baseline: String?

    @Option(
        help: ArgumentHelp(
            "Judge requests from then on: a time like 2026-11-29T12:00:00Z, or how long ago, like 10m.",
            valueName: "time"))
    var since: String?

    @Option(help: ArgumentHelp("Judge requests up to then.", valueName: "time"))
    var until: String?

    @Option(
        help: ArgumentHelp(
            "Charge limits for so long before requests are judged; default: as long as the longest limit remembers.",
            valueName: "duration"))
    var warmUp: String?

    @OptionGroup(title: "The journal") var journal: JournalOptions

    @Option(help: ArgumentHelp("List so many of the requests that flip.", valueName: "count"))
    var examples = 5

    @Flag(help: "End with exit code 1 when a request would flip.")
    var exitCode = false

    @OptionGroup var options: PolicyOptions

    func validate() throws {
        guard examples >= 0 else { throw ValidationError("--examples must be 0 or more") }
    }

    func run() async throws {
        let style = options.style
        let span = PolicyReplayTool.Span(
            source: journal.source, since: since, until: until, warmUp: warmUp)
        let bar = ProgressBar("replay")
        try options.places().run(style) { place in
            let result = try PolicyReplayTool(
                candidate: candidate, baseline: baseline, span: span, examples: examples,
                tellsByExitCode: exitCode, style: style
            ).run(catalog: place.catalog, now: TokenCommand.now) {
                bar.show($0.share, "\($0.entries) entries")
            }
            bar.clear()
            return result
        }.finish()
    }
}

/// Which journal is read.
struct JournalOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("The journal of a namespace, as of `LogNamespace=`.", valueName: "name"))
    var namespace: String?

    @Option(help: ArgumentHelp("A directory with journal files.", valueName: "path"))
    var directory: String?

    @Option(
        help: ArgumentHelp(
            "A journal file, or what `journalctl -o export` or `-o json` printed; `-` is standard input; once for each.",
            valueName: "path"))
    var file: [String] = []

    func validate() throws {
        let given = [namespace != nil, directory != nil, !file.isEmpty].filter { $0 }
        guard given.count <= 1 else {
            throw ValidationError("give one of --namespace, --directory and --file")
        }
    }

    /// The system's journal unless another is named.
    var source: JournalSource {
        if let namespace { return .namespace(namespace) }
        if let directory { return .directory(directory) }
        return file.isEmpty ? .system : .files(file)
    }
}

/// One line on a terminal that tells how far long work is; nothing anywhere else.
struct ProgressBar {
    private let title: String
    private let isShown: Bool
    private static let width = 30

    init(_ title: String) {
        self.title = title
        isShown = isatty(STDERR_FILENO) == 1
    }

    /// - Parameter share: 0...1; nil = nobody knows.
    func show(_ share: Double?, _ text: String) {
        guard isShown else { return }
        var line = "\r\(title) "
        if let share {
            let full = Int(share * Double(Self.width))
            line += "[" + String(repeating: "#", count: full)
            line += String(repeating: " ", count: Self.width - full) + "] \(Int(share * 100)) % "
        }
        write(line + text + "\u{1B}[K")
    }

    /// Takes the line away again.
    func clear() { if isShown { write("\r\u{1B}[K") } }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
