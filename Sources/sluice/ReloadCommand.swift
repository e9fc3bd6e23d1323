import ArgumentParser
import SluiceTools

struct ReloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload", abstract: "Tell the running gateway to read its files again.",
        discussion: """
            Finds the gateway through its admin port and sends it SIGHUP. With --wait
            it prints what came of it; exit code 1 when the files were rejected.

            Example:
              sluice reload --wait
            """)

    @Flag(help: "Wait for the reload and print its report.")
    var wait = false

    @Option(help: ArgumentHelp("How long to wait at most.", valueName: "seconds"))
    var timeout = 30

    @Option(
        help: ArgumentHelp(
            "The gateway's admin port; default: `admin` of the configuration.",
            valueName: "host:port"))
    var admin: Endpoint?

    @Option(
        help: ArgumentHelp("The configuration file that names the admin port.", valueName: "file"))
    var config: String?

    @OptionGroup var format: FormatOptions

    func validate() throws {
        guard (1...3_600).contains(timeout) else {
            throw ValidationError("--timeout must be 1 to 3600 seconds")
        }
    }

    func run() async throws {
        try await ReloadTool.run(
            admin: admin.map { ($0.host, $0.port) }, configurationPath: config,
            environment: processEnvironment, timeoutSeconds: timeout, isWaiting: wait,
            isJSON: format.json
        ).finish()
    }
}
