import ArgumentParser
import SluiceGateway

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run the gateway until SIGTERM.",
        discussion: """
            SIGHUP reloads policies, keys and commands. SIGTERM drains, a second one
            stops at once.

            Example:
              sluice run --config /etc/sluice/sluice.yaml --policies /etc/sluice/policies
            """)

    @OptionGroup var places: PlaceOptions

    func run() async throws {
        let code = await GatewayMain.run(places.gatewayOptions(isDemo: false))
        if code != 0 { throw ExitCode(code) }
    }
}

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Run the gateway with services and users of its own.",
        discussion: """
            Needs no other server and no key file. Prints three commands to try.

            Example:
              sluice demo --policies policies
            """)

    @OptionGroup var places: PlaceOptions

    func run() async throws {
        let code = await GatewayMain.run(places.gatewayOptions(isDemo: true))
        if code != 0 { throw ExitCode(code) }
    }
}

struct ServicesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "services", abstract: "Run the demo's services alone, without a gateway.",
        discussion: """
            They speak the native link. For tests and load.

            Example:
              sluice services --listen 127.0.0.1:9101
            """)

    @Option(help: ArgumentHelp("Where to listen; port 0 = any free one.", valueName: "host:port"))
    var listen: Endpoint

    func run() async throws {
        let code = await GatewayMain.services(host: listen.host, port: listen.port)
        if code != 0 { throw ExitCode(code) }
    }
}
