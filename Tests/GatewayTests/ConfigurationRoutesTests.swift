import SluiceDocuments
import SluiceEdge
import SluiceGateway
import SluiceVocabulary
import Testing

@Suite("Configuration: routes")
struct ConfigurationRoutesTests {
    private static let service =
        "services: [{name: web, link: http, instances: [\"h:1\"]}, {name: n, instances: [\"h:2\"]}]\n"

    private func decode(_ text: String) throws -> Configuration {
        try Configuration.decode(text: Self.service + text, file: "f", environment: [:])
            .configuration
    }

    @Test("a route with nothing but what it needs has the defaults")
    func defaults() throws {
        let configuration = try decode("routes: [{name: r, prefix: /r/, service: web}]")
        let route = try #require(configuration.routes.first)
        #expect(route.methods == nil)
        #expect(route.headers.isEmpty)
        #expect(route.rewrite == nil)
        #expect(route.authentication == .required)
        #expect(!route.webSocket)
        #expect(route.timeoutMilliseconds == 30_000)
        #expect(route.maxBodyBytes == 104_857_600)
        #expect(!route.forwardsAuthorization)
        #expect(configuration.services[0].http?.basePath == "/commands")
        #expect(configuration.services[0].http?.maxConnections == 32)
        #expect(configuration.actions.action(named: "http.r") != nil)
    }

    @Test("headers are matched by their names in lower case, and `*` is any value")
    func headers() throws {
        let configuration = try decode(
            "routes: [{name: r, prefix: /, service: web, headers: {X-Api: \"2\", x-any: \"*\"}}]")
        #expect(configuration.routes[0].headers == ["x-api": "2", "x-any": nil])
    }

    @Test("a base path may end with a slash, which does not count")
    func basePath() throws {
        let text =
            "services: [{name: a, link: http, base_path: /x/, instances: [\"h:1\"]},"
            + " {name: b, link: http, base_path: /, instances: [\"h:1\"]}]"
        let configuration = try Configuration.decode(text: text, file: "f", environment: [:])
            .configuration
        #expect(configuration.services.map(\.http?.basePath) == ["/x", ""])
    }

    @Test(
        "each error is told at its place",
        arguments: [
            "{name: r, service: web}": "f:2:10: error: missing key `prefix`",
            "{name: r, prefix: r, service: web}":
                "f:2:28: error: expected a path like /media/, without `..`, `//` or needless `%`, found `r`",
            "{name: r, prefix: /a/../b, service: web}":
                "f:2:28: error: expected a path like /media/, without `..`, `//` or needless `%`, found `/a/../b`",
            "{name: r, prefix: /v1/x, service: web}":
                "f:2:28: error: `/v1/x` is a path of the gateway itself; /ws and /v1/ never reach a route",
            "{name: r, prefix: /, service: wbe}":
                "f:2:40: error: there is no service `wbe`; did you mean `web`?",
            "{name: r, prefix: /, service: n}":
                "f:2:40: error: service `n` has native links; a route needs HTTP; give the service `link: http`",
            "{name: r, prefix: /, service: web, methods: []}":
                "f:2:54: error: at least one method is needed; or leave it out",
            "{name: r, prefix: /, service: web, methods: [get]}":
                "f:2:55: error: expected a method like GET, found `get`",
            "{name: r, prefix: /, service: web, authentication: maybe}":
                "f:2:61: error: expected one of `none`, `optional`, `required`, found `maybe`",
            "{name: r, prefix: /, service: web, headers: {\"a b\": x}}":
                "f:2:62: error: `a b` is not a header's name",
            "{name: r, prefix: /, service: web}, {name: r, prefix: /b, service: web}":
                "f:2:53: error: route name `r` is used twice; it is at f:2:17 already",
        ])
    func broken(route: String, wanted: String) throws {
        do {
            _ = try decode("routes: [\(route)]")
            Issue.record("it was accepted")
        } catch let error as DiagnosticList {
            #expect(error.text == wanted)
        }
    }

    @Test("a route and a command cannot be one action")
    func oneAction() throws {
        do {
            _ = try decode(
                "routes: [{name: r, prefix: /, service: web}]\n"
                    + "commands: [{id: 100, name: http.r, service: n}]")
            Issue.record("it was accepted")
        } catch let error as DiagnosticList {
            #expect(error.text.contains("are both `http.r` to policies"))
        }
    }
}
