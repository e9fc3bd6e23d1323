import NIOPosix
import SluiceDemoServices
import SluiceDocuments
import SluiceEdge
import SluiceIdentity
import SluiceTelemetry
import SluiceUpstream
import SluiceVocabulary

/// What `sluice demo` adds: services in this process, keys made up for this run, a page to look at.
struct Demo: Sendable {
    let services: DemoServices
    let instances: [String: InstanceAddress]

    /// A key nobody else has: tokens of a demo end with it.
    static func key() throws(DiagnosticList) -> KeyMaterial {
        var source = SystemRandomNumberGenerator()
        let secret = (0..<48).map { _ in UInt8.random(in: 0...255, using: &source) }
        return KeyMaterial(kid: "demo", algorithm: "HS256", secret: secret)
    }

    /// Opens the demo's admin calls; ends with it.
    static func adminToken() -> [UInt8] {
        var source = SystemRandomNumberGenerator()
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
        return (0..<32).map { _ in letters.randomElement(using: &source) ?? 0 }
    }

    /// Starts the services on a port the kernel chooses; every configured service is answered there.
    static func start(
        _ configuration: Configuration, group: MultiThreadedEventLoopGroup
    ) async throws -> Demo {
        let services = DemoServices(group: group)
        let port = try await services.start(host: "127.0.0.1", port: 0)
        let address = InstanceAddress(host: "127.0.0.1", port: port)
        return Demo(
            services: services,
            instances: Dictionary(
                uniqueKeysWithValues: configuration.services.map { ($0.name, address) }))
    }

    func stop() async { await services.stop() }

    /// The addresses and three commands that work as printed.
    static func banner(_ listeners: [Listener], adminPort: Int, adminToken: String) -> String {
        func port(_ kind: ListenerProtocol) -> Int? {
            listeners.lazy.filter { $0.kind == kind }.compactMap(\.endpoint.port).first
        }
        // A demo may be told to listen on a Unix socket alone: then there is nothing to paste.
        guard let http = port(.http) else { return "Sluice demo, without an HTTP port." }
        let tcp = port(.tcp).map { "\n  TCP        127.0.0.1:\($0)" } ?? ""
        let read =
            Systemd.journaldIsPresent
            ? "journalctl -t sluice SLUICE_USER=alice -n 3 -o verbose"
            : "curl -s http://127.0.0.1:\(adminPort)/metrics | grep sluice_requests_total"
        let note =
            Systemd.journaldIsPresent
            ? "" : "\n  (no journald here: each request is a JSON line on this terminal)"
        return """

            Sluice demo. Users: alice/wonderland, bob/builder, carol/singer.
              WebSocket  ws://127.0.0.1:\(http)/ws      chat page  http://127.0.0.1:\(http)/demo\(tcp)
              metrics    http://127.0.0.1:\(adminPort)/metrics
              admin      token \(adminToken) (docs/admin.md)

            Try, in another terminal:
              TOKEN=$(curl -s http://127.0.0.1:\(http)/v1/login -d '{"user":"alice","password":"wonderland"}' | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')
              curl -s http://127.0.0.1:\(http)/v1/commands/message.send -H "Authorization: Bearer $TOKEN" -d '{"to":"bob","text":"hi"}'
              \(read)\(note)

            """
    }
}
