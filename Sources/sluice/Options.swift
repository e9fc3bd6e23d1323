import ArgumentParser
import SluiceGateway

/// Where configuration and policies are.
struct PlaceOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The configuration file.",
            discussion:
                "Default: ./Config/sluice.yaml, else /etc/sluice/sluice.yaml, else built in. SLUICE_… variables override keys.",
            valueName: "file"))
    var config: String?

    @Option(
        help: ArgumentHelp(
            "The directory of the policy files, in place of `policies` of the configuration.",
            valueName: "directory"))
    var policies: String?

    @Option(
        help: ArgumentHelp(
            "A file with the token that opens admin calls, in place of `admin.token_file`.",
            valueName: "file"))
    var adminTokenFile: String?

    func gatewayOptions(isDemo: Bool) -> GatewayMain.Options {
        GatewayMain.Options(
            configurationPath: config, policiesPath: policies, isDemo: isDemo,
            adminTokenPath: adminTokenFile)
    }
}

/// For commands that print data.
struct FormatOptions: ParsableArguments {
    @Flag(help: "Print JSON.")
    var json = false
}

/// `host:port`, with an IPv6 address in brackets.
struct Endpoint: ExpressibleByArgument {
    var host: String
    var port: Int

    init?(argument: String) {
        guard let colon = argument.lastIndex(of: ":"),
            let port = UInt16(argument[argument.index(after: colon)...])
        else { return nil }
        var host = argument[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { return nil }
        self.host = String(host)
        self.port = Int(port)
    }

    var defaultValueDescription: String { "\(host):\(port)" }
}
