import Foundation
import SluiceDocuments
import SluiceEdge
import SluiceGateway
import SluiceIdentity
import SluiceVocabulary
import Testing

@Suite("Configuration: defaults")
struct ConfigurationDefaultsTests {
    /// The shipped file, found from this source file so that the working directory does not matter.
    static let shipped = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../Config/sluice.yaml").standardizedFileURL.path

    @Test("Config/sluice.yaml says the built-in defaults")
    func shippedFileIsTheDefault() throws {
        let (configuration, source) = try Configuration.load(path: Self.shipped, environment: [:])
        #expect(configuration == (try Configuration.builtIn()))
        #expect(source == Self.shipped)
    }

    @Test("Config/sluice.yaml holds every key there is, and explains each")
    func everyKeyIsShipped() throws {
        let text = try Self.shippedWithExamples()
        let sink = DiagnosticSink()
        let root = try #require(Document.parse(text, file: "sluice.yaml", into: sink))
        // Which headers a route wants is the operator's choice.
        let shipped = Set(
            keys(of: root).map { key in
                key.hasPrefix("routes.#.headers.") ? "routes.#.headers" : key
            })
        for leaf in Configuration.keys {
            #expect(
                shipped.contains(leaf.joined(separator: ".")),
                "missing: \(leaf.joined(separator: "."))")
        }
        let known = Set(Configuration.keys.map { $0.joined(separator: ".") })
        #expect(shipped.subtracting(known) == [])
    }

    /// The shipped file with its examples (`#:`) taken in.
    private static func shippedWithExamples() throws -> String {
        try String(contentsOfFile: shipped, encoding: .utf8)
            .replacingOccurrences(of: "\n#:routes:", with: "\nroutes:")
            .replacingOccurrences(of: "\n#:", with: "\n  ")
    }

    @Test("the examples in Config/sluice.yaml can be taken in as they are")
    func examplesAreRight() throws {
        let loaded = try Configuration.decode(
            text: Self.shippedWithExamples(), file: "sluice.yaml", environment: [:])
        #expect(loaded.warnings.text == "")
        #expect(loaded.configuration.listeners[0].tls?.minVersion == .tls12)
        #expect(loaded.configuration.services[0].tls?.serverName == "user.internal")
    }

    /// `listeners.#.port` for every scalar in the document.
    private func keys(of value: DocumentValue) -> [String] {
        switch value.kind {
        case .mapping(let entries):
            entries.flatMap { entry in
                keys(of: entry.value).map { $0.isEmpty ? entry.key : entry.key + "." + $0 }
            }
        // Only a list of texts is shipped empty.
        case .list([]): ["", "#"]
        case .list(let items):
            // A list of texts can also be given whole.
            items.flatMap { item in keys(of: item).flatMap { $0.isEmpty ? ["", "#"] : ["#." + $0] }
            }
        default: [""]
        }
    }

    @Test("the built-in limits are the vocabulary's")
    func limitsAreTheDefaults() throws {
        #expect(try Configuration.builtIn().limits == Limits())
    }

    @Test("keys left out mean the defaults; services and commands are then none")
    func emptyFile() throws {
        let loaded = try Configuration.decode(text: "{}", file: "f", environment: [:])
        var expected = try Configuration.builtIn()
        expected.services = []
        expected.commands = []
        #expect(loaded.configuration == expected)
    }

    @Test("keys left out of a list's items have defaults too")
    func sparseItems() throws {
        let text = """
            listeners: [{name: a, port: 0}]
            identity: {keys: [{kid: k, secret_file: s}], issuer: ""}
            services: [{name: s, instances: ["[::1]:1"]}]
            commands: [{id: 100, name: c, service: s}]
            """
        let configuration = try Configuration.decode(text: text, file: "f", environment: [:])
            .configuration
        #expect(
            configuration.listeners.map { "\($0.name) \($0.address) \($0.port)" } == [
                "a 127.0.0.1 0"
            ])
        #expect(configuration.identity.issue?.key == "k")
        #expect(configuration.identity.issuer == nil)
        #expect(configuration.identity.audience == "sluice")
        #expect(configuration.services[0].instances.map(\.text) == ["[::1]:1"])
        #expect(configuration.services[0].backoffMaximumMilliseconds == 2_000)
        let command = try #require(configuration.commands.first)
        #expect(command.from == .client)
        #expect(command.timeoutMilliseconds == 5_000)
        #expect(command.isOrdered)
        #expect(!command.isRetrySafe)
        #expect(command.maxBytes == 65_536)
    }

    @Test("a Unix socket needs no port, and trusted proxies are blocks or the word unix")
    func unixListener() throws {
        let text = """
            listeners: [{name: a, protocol: tcp, address: "unix:/run/a.sock", mode: "0600"}]
            trusted_proxies: [10.0.0.0/8, "2001:db8::/32", unix]
            """
        let configuration = try Configuration.decode(text: text, file: "f", environment: [:])
            .configuration
        let listener = configuration.listeners[0]
        #expect(listener.endpoint == .unix(path: "/run/a.sock", mode: 0o600))
        #expect(listener.endpoint.text == "unix:/run/a.sock")
        #expect(listener.kind == .tcp)
        #expect(!listener.proxyProtocol)
        #expect(configuration.trustedProxies.includesUnixSockets)
        #expect(configuration.trustedProxies.blocks.count == 2)
    }

    @Test("origins are those that are named, subdomains by a star")
    func origins() throws {
        let text = """
            http:
              client_address: forwarded
              allowed_origins: ["https://chat.example.com", "https://*.example.org"]
              cors: {credentials: true, max_age: 1h}
            """
        let http = try Configuration.decode(text: text, file: "f", environment: [:])
            .configuration.http
        #expect(http.clientAddress == .forwarded)
        #expect(http.origins.contains("https://chat.example.com"))
        #expect(http.origins.contains("https://a.example.org"))
        #expect(!http.origins.contains("https://example.org"))
        #expect(http.allowsCredentials)
        #expect(http.preflightSeconds == 3_600)
    }

    @Test("what clients are told of limits can be switched off")
    func limitsTold() throws {
        let text = "http: {rate_limit_fields: false, tell_rule: false}"
        let http = try Configuration.decode(text: text, file: "f", environment: [:])
            .configuration.http
        #expect(!http.tellsRateLimits && !http.tellsRule)
        let silent = try Configuration.decode(text: "http: {}", file: "f", environment: [:])
        #expect(silent.configuration.http.tellsRateLimits && silent.configuration.http.tellsRule)
    }

    @Test("an empty issue key switches issuing off")
    func noIssuing() throws {
        let text = "identity: {issue: {key: \"\"}}"
        #expect(
            try Configuration.decode(text: text, file: "f", environment: [:]).configuration.identity
                .issue == nil)
    }

    @Test("the first file that exists is taken, built in last")
    func lookUp() throws {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "sluice-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (first, second) = (folder.appending(path: "1").path, folder.appending(path: "2").path)
        func load() throws -> Configuration.Loaded {
            try Configuration.loadWithWarnings(
                path: nil, environment: [:], candidates: [first, second])
        }
        #expect(try load().source == "built-in defaults")
        try "loops: 2".write(toFile: second, atomically: true, encoding: .utf8)
        #expect(try load().source == second)
        #expect(try load().configuration.loops == 2)
        try "loops: 1".write(toFile: first, atomically: true, encoding: .utf8)
        #expect(try load().configuration.loops == 1)
    }

    @Test("a file that was named must be there and be a file")
    func namedFile() {
        func message(_ path: String) -> String {
            do {
                _ = try Configuration.load(path: path, environment: [:])
                return "loaded"
            } catch { return error.text }
        }
        #expect(
            message("/nowhere/sluice.yaml")
                == "/nowhere/sluice.yaml: error: there is no such file; check the path given with --config and its permissions"
        )
        #expect(message("/tmp").hasPrefix("/tmp: error: this is a directory, not a file"))
    }

    private func content(
        of configuration: Configuration, _ key: Configuration.Key
    ) throws -> [UInt8] {
        guard case .secret(let secret) = try configuration.readKey(key).form else { return [] }
        return secret
    }

    @Test("secrets are read without their line end, from the credentials directory first")
    func secrets() throws {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "sluice-\(UUID().uuidString)"
        ).path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/k"
        let secret = String(repeating: "s", count: 32)
        try (secret + "\n").write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        func read(_ file: String, _ environment: [String: String] = [:]) throws -> [UInt8] {
            let text = "identity: {keys: [{kid: a, secret_file: \(file)}]}"
            let configuration = try Configuration.decode(
                text: text, file: "f", environment: environment
            ).configuration
            let key = configuration.identity.keys[0]
            try #require(configuration.hasSecret(of: key))
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
            let warning = configuration.secretWarning(of: key)
            #expect(warning?.hint == (mode as? Int == 0o600 ? nil : "chmod 600 \(path)"))
            return try content(of: configuration, key)
        }
        #expect(try read(path) == Array(secret.utf8))
        #expect(try read("k", ["CREDENTIALS_DIRECTORY": folder]) == Array(secret.utf8))

        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        #expect(try read(path) == Array(secret.utf8))

        try String(repeating: "hunter2", count: 3)
            .write(toFile: path, atomically: true, encoding: .utf8)
        do {
            _ = try read(path)
            Issue.record("a short secret was taken")
        } catch let error as DiagnosticList {
            #expect(error.text.contains("has 21 bytes"))
            #expect(!error.text.contains("hunter2"))
        }

        let builtIn = try Configuration.builtIn()
        var missing = builtIn.identity.keys[0]
        missing.file = folder + "/none"
        #expect(!builtIn.hasSecret(of: missing))
        #expect(throws: DiagnosticList.self) { try builtIn.readKey(missing) }
    }
}
