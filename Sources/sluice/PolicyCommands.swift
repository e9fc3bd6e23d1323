import ArgumentParser
import Glibc
import SluicePolicyTools
import SluiceTools

struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "Check, test, explain, compare and replay policies.",
        discussion: """
            None of them needs a running gateway. The actions that policies may name
            are those of the configuration.

            Examples:
              sluice policy check policies
              sluice policy test policies --coverage
              sluice policy explain --action message.send --user alice --role member
              sluice policy diff /etc/sluice/policies policies
              sluice policy replay policies --since 1h
            """,
        subcommands: [
            PolicyCheckCommand.self, PolicyTestCommand.self, PolicyExplainCommand.self,
            PolicyDiffCommand.self, PolicyReplayCommand.self,
        ])
}

/// How the policy commands print, and whose actions policies may name.
struct PolicyOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The configuration file whose commands and routes the policies may name.",
            valueName: "file"))
    var config: String?

    @OptionGroup var format: FormatOptions

    var style: OutputStyle {
        OutputStyle(isJSON: format.json, isTerminal: isatty(STDOUT_FILENO) == 1)
    }

    func places(_ directory: String? = nil) -> PolicyPlaces {
        PolicyPlaces(
            configurationPath: config, policiesPath: directory, environment: processEnvironment)
    }
}

struct PolicyCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check policy files against the commands of the configuration.",
        discussion: """
            Prints every error as file:line:column: error: text, and on a terminal
            the rules as a table. Exit code 64 when there is an error.

            Example:
              sluice policy check policies --config Config/sluice.yaml
            """)

    @Argument(help: "The directory; default: `policies` of the configuration.")
    var directory: String?

    @OptionGroup var options: PolicyOptions

    func run() async throws {
        try CheckTool(
            configurationPath: options.config, policiesPath: directory,
            environment: processEnvironment, isJSON: options.format.json
        ).runPolicies(isTerminal: options.style.isTerminal).finish()
    }
}

struct PolicyTestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Run the tests of a policy directory, on a clock of their own.",
        discussion: """
            Tests are in DIR/tests/*_test.yaml. A failure shows the step, what was
            expected and what came, and why the call was decided as it was. Exit code
            1 when a test fails or too little is reached, 64 when a file is wrong.

            Examples:
              sluice policy test policies
              sluice policy test policies --filter burst
              sluice policy test policies --coverage --min-coverage 100
            """)

    @Argument(help: "The directory; default: `policies` of the configuration.")
    var directory: String?

    @Flag(help: "Also show which rules and conditions the tests reach.")
    var coverage = false

    @Option(
        help: ArgumentHelp("Fail when the tests reach less of the policy.", valueName: "per cent"))
    var minCoverage: Double?

    @Option(
        help: ArgumentHelp("Only the tests whose names hold this text.", valueName: "text"))
    var filter: String?

    @OptionGroup var options: PolicyOptions

    func validate() throws {
        guard (0...100).contains(minCoverage ?? 0) else {
            throw ValidationError("--min-coverage must be 0 to 100")
        }
    }

    func run() async throws {
        let style = options.style
        try options.places(directory).run(style) { place in
            try PolicyTestTool(
                directory: place.directory, filter: filter, showsCoverage: coverage,
                minCoverage: minCoverage, style: style
            ).run(catalog: place.catalog)
        }.finish()
    }
}

struct PolicyDiffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Show what a reload from one policy directory to another would do.",
        discussion: """
            Rules that come, go, change or are renamed, key by key, and what becomes
            of their buckets. Exit code 0 whether or not they differ, unless
            --exit-code is given.

            Example:
              sluice policy diff /etc/sluice/policies policies
            """)

    @Argument(help: "The directory in force.")
    var old: String

    @Argument(help: "The directory to take its place.")
    var new: String

    @Flag(help: "End with exit code 1 when they differ.")
    var exitCode = false

    @OptionGroup var options: PolicyOptions

    func run() async throws {
        let style = options.style
        try options.places().run(style) { place in
            try PolicyDiffTool(old: old, new: new, tellsByExitCode: exitCode, style: style)
                .run(catalog: place.catalog)
        }.finish()
    }
}
