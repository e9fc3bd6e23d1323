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
