import Foundation
import SluiceDiscovery
import SluiceDocuments
import SluiceGateway
import Testing

@Suite("Configuration: discovery")
struct ConfigurationDiscoveryTests {
    private static let listener = "listeners: [{name: a, port: 80, address: 0.0.0.0}]\n"

    private static func service(_ source: String) -> String {
        "services: [{name: s, discovery: {\(source)}}]"
    }

    private static func decode(_ text: String) throws -> Configuration.Loaded {
        try Configuration.decode(text: text, file: "f", environment: [:])
    }

    private static let sources: [BrokenConfiguration] = [
        .init("services: [{name: s}]", "f:1:12: error: missing key `instances`"),
        .init(
            service(""),
            "f:1:33: error: a source is missing; give one of `consul`, `dns` and `nacos`"),
        .init(
            service("consul: {service: s}, dns: {name: s.internal, type: srv}"),
            "f:1:33: error: `consul` and `dns` are two sources; give one of `consul`, `dns` and `nacos`"
        ),
        .init(service("consul: {}"), "f:1:42: error: missing key `service`"),
        .init(
            service("consul: {service: \"\"}"),
            "f:1:52: error: expected a text that is not empty, found an empty text"),
        .init(service("dns: {name: s.internal}"), "f:1:39: error: missing key `type`"),
        .init(
            service("dns: {name: s.internal, type: a}"),
            "f:1:64: error: `a` records name no port; add `port`, or ask for `srv`"),
        .init(
            service("dns: {name: s.internal, type: srv, port: 5}"),
            "f:1:75: error: `srv` records bring their own port; leave it out"),
        .init(
            service("dns: {name: s..internal, type: srv}"),
            "f:1:46: error: expected a whole name like user.internal or _chat._tcp.example.com, found `s..internal`"
        ),
        .init(
            service("dns: {name: s.internal, type: srv, min_ttl: 2m}"),
            "f:1:78: error: `min_ttl` is longer than `max_ttl`; `max_ttl` is 1m"),
    ]

    private static let registries: [BrokenConfiguration] = [
        .init(
            "registries: {consul: {address: 127.0.0.1:8500}}",
            "f:1:32: error: expected an address like http://127.0.0.1:8500, found `127.0.0.1:8500`; without a path"
        ),
        .init(
            "registries: {nacos: {address: \"http://n:8848/nacos\"}}",
            "f:1:31: error: expected an address like http://127.0.0.1:8500, found `http://n:8848/nacos`; without a path"
        ),
        .init(
            "registries: {consul: {ca: x.pem}}",
            "f:1:27: error: `ca` is for https; write the address with https://"),
        .init(
            "registries: {dns: {servers: [dns.example]}}",
            "f:1:30: error: expected an IP address like 192.0.2.53 or 127.0.0.1:5353, found `dns.example`"
        ),
    ]

    private static let registers: [BrokenConfiguration] = [
        .init(
            listener + "register: {registry: consul}",
            "f:2:11: error: where clients reach this gateway is not known; write its IP address or name in `register.address`"
        ),
        .init(
            listener + "register: {registry: consul, address: \"a b\"}",
            "f:2:39: error: where clients reach this gateway is not known; write its IP address or name in `register.address`"
        ),
        .init(
            "listeners: [{name: a, address: \"unix:/run/a.sock\"}]\nregister: {registry: nacos, address: a}",
            "f:2:11: error: there is no HTTP listener whose port could be told; write the port in `register.port`"
        ),
    ]

    @Test(
        "each error is told at its place, with a hint", arguments: sources + registries + registers)
    func broken(_ example: BrokenConfiguration) {
        do {
            _ = try Self.decode(example.text)
            Issue.record("it was accepted")
        } catch let error as DiagnosticList {
            #expect(error.diagnostics.map(\.text) == example.findings)
        } catch {
            Issue.record("\(error)")
        }
    }

    @Test("a source with nothing but what it needs has the defaults, and needs no instances")
    func defaults() throws {
        let consul = try Self.decode(Self.service("consul: {service: u}")).configuration
        #expect(consul.services[0].discovery == .consul(ConsulQuery(service: "u")))
        #expect(consul.services[0].instances.isEmpty)
        let text =
            "registries: {dns: {servers: [192.0.2.53, \"[::1]:5353\", \"2001:db8::1\"]}}\n"
            + Self.service("dns: {name: u.internal, type: aaaa, port: 9}")
        #expect(
            try Self.decode(text).configuration.services[0].discovery
                == .dns(
                    DNSQuestion(
                        name: "u.internal", kind: .aaaa, port: 9,
                        servers: ["192.0.2.53:53", "[::1]:5353", "[2001:db8::1]:53"])))
        let nacos = try Self.decode(Self.service("nacos: {service: u}")).configuration
        #expect(nacos.services[0].discovery == .nacos(NacosQuery(service: "u")))
    }

    @Test(
        "a gateway is told with the first HTTP listener's address and port where nothing else is said"
    )
    func register() throws {
        let text =
            "listeners: [{name: a, port: 80, address: 192.0.2.1}]\nregister: {registry: nacos}"
        let register = try #require(try Self.decode(text).configuration.register)
        #expect(register.registry == .nacos && register.address == "192.0.2.1")
        #expect(register.port == 0 && register.weight == 100 && register.ttlMilliseconds == 15_000)
        #expect(
            try Self.decode("register: {registry: none, weight: 5}").configuration.register == nil)
    }

    @Test("a secret over plain http to another machine is a warning")
    func plain() throws {
        func warnings(_ address: String) throws -> String {
            try Self.decode("registries: {consul: {address: \"\(address)\", token_file: t}}")
                .warnings.text
        }
        #expect(try warnings("http://consul.internal:8500").contains("others may read it"))
        for good in ["http://127.0.0.1:8500", "http://[::1]:8500", "https://consul.internal:8501"] {
            #expect(try warnings(good) == "")
        }
    }

    @Test("secrets are read where they are needed, and no error shows what is in them")
    func secrets() throws {
        let folder = URL(filePath: NSTemporaryDirectory()).appending(
            path: "sluice-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "token")
        func settings(_ source: String) throws -> DiscoverySettings {
            try Self.decode(
                "registries: {consul: {token_file: \"\(file.path)\"}}\n" + Self.service(source)
            ).configuration.discoverySettings()
        }
        #expect(try settings("nacos: {service: u}").consul.secret.isEmpty)
        #expect(throws: DiagnosticList.self) { try settings("consul: {service: u}") }
        try Data("a-token\r\n".utf8).write(to: file)
        #expect(try settings("consul: {service: u}").consul.secret == RegistrySecret("a-token"))
        for bad in [
            "", "\n", "secret\u{1}word", "secret\nword", String(repeating: "secret", count: 1_000),
        ] {
            try Data(bad.utf8).write(to: file)
            do {
                _ = try settings("consul: {service: u}")
                Issue.record("it was accepted")
            } catch let error as DiagnosticList {
                #expect(error.text.contains(file.path) && !error.text.contains("secretword"))
                #expect(!error.text.contains("secret\u{1}"))
            }
        }
    }
}
