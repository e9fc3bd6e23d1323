import ArgumentParser
import SluiceTools

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check configuration and policies without starting anything.",
        discussion: """
            Prints every error as file:line:column: error: text. Exit code 64 when
            there is one.

            Example:
              sluice check --config Config/sluice.yaml --policies policies
            """)

    @OptionGroup var places: PlaceOptions
    @OptionGroup var format: FormatOptions

    func run() async throws {
        try CheckTool(
            configurationPath: places.config, policiesPath: places.policies,
            environment: processEnvironment, isJSON: format.json
        ).run().finish()
    }
}

struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "Look at policies.",
        discussion: """
            Example:
              sluice policy check policies
            """,
        subcommands: [PolicyCheckCommand.self])
}

struct PolicyCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check policy files against the commands of the configuration.",
        discussion: """
            Example:
              sluice policy check policies --config Config/sluice.yaml
            """)

    @Argument(help: "The directory; default: `policies` of the configuration.")
    var directory: String?

    @Option(
        help: ArgumentHelp(
            "The configuration file whose commands the policies may name.", valueName: "file"))
    var config: String?

    @OptionGroup var format: FormatOptions

    func run() async throws {
        try CheckTool(
            configurationPath: config, policiesPath: directory, environment: processEnvironment,
            isJSON: format.json
        ).runPolicies().finish()
    }
}
