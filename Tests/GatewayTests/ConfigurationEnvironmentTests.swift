import SluiceDocuments
import SluiceGateway
import SluiceVocabulary
import Testing

@Suite("Configuration: environment")
struct ConfigurationEnvironmentTests {
    private func load(_ environment: [String: String], text: String? = nil) throws -> Configuration
    {
        try Configuration.decode(
            text: text ?? Configuration.builtInText, file: "f", environment: environment
        ).configuration
    }

    private func errors(_ environment: [String: String], text: String? = nil) -> [String] {
        do {
            _ = try load(environment, text: text)
            return []
        } catch let list as DiagnosticList {
            return list.diagnostics.map(\.text)
        } catch {
            return ["\(error)"]
        }
    }

    @Test("variables override keys of every kind")
    func overrides() throws {
        let configuration = try load([
            "SLUICE_LISTENERS_0_ADDRESS": "0.0.0.0",
            "SLUICE_LISTENERS_0_PORT": "80",
            "SLUICE_LIMITS_MAX_FRAME_BYTES": "128KiB",
            "SLUICE_DRAIN_DEADLINE": "5s",
            "SLUICE_PID_FILE": "/run/x.pid",
            "SLUICE_IDENTITY_ISSUE_TTL": "1m",
            "SLUICE_IDENTITY_ISSUER": "",
            "SLUICE_IDENTITY_KEYS_0_SECRET_FILE": "/run/secrets/key",
            "SLUICE_IDENTITY_ISSUE_CLAIMS": "roles, plan",
            "SLUICE_SERVICES_1_INSTANCES_0": "h:2",
            "SLUICE_SERVICES_2_INSTANCES": "h:3,h:4",
            "SLUICE_COMMANDS_0_RETRY_SAFE": "false",
            "SLUICE_TELEMETRY_JOURNAL": "off",
            "PATH": "/bin",
        ])
        #expect(configuration.listeners[0].address == "0.0.0.0")
        #expect(configuration.listeners[0].port == 80)
        #expect(configuration.limits.maxFrameBytes == 131_072)
        #expect(configuration.drainDeadlineMilliseconds == 5_000)
        #expect(configuration.pidFile == "/run/x.pid")
        #expect(configuration.identity.issue?.ttlSeconds == 60)
        #expect(configuration.identity.issuer == nil)
        #expect(configuration.identity.keys[0].file == "/run/secrets/key")
        #expect(configuration.identity.issue?.claims == ["roles", "plan"])
        #expect(configuration.services[1].instances.map(\.text) == ["h:2"])
        #expect(configuration.services[2].instances.map(\.text) == ["h:3", "h:4"])
        #expect(!configuration.commands[0].isRetrySafe)
        #expect(configuration.telemetry.journal == .off)
    }

    @Test("every key there is can be set by a variable, and a bad value names the variable")
    func everyKey() {
        for key in Configuration.keys {
            let name = Configuration.variable(for: key)
            // No key takes line breaks.
            let value = String(repeating: "?\n", count: 4_000)
            let found = errors([name: value])
            #expect(
                found.contains { $0.hasPrefix("environment variable \(name): error: ") },
                "\(name): \(found)")
            #expect(found.allSatisfy { $0.count < 400 })
        }
    }

    @Test("lists a file leaves out start as the built-in ones; an index at the end adds an item")
    func lists() throws {
        let one = try load(["SLUICE_LISTENERS_0_PORT": "81"], text: "loops: 1")
        #expect(
            one.listeners.map { "\($0.name) \($0.address) \($0.port)" } == [
                "main 127.0.0.1 81", "tcp 127.0.0.1 7080",
            ])
        let two = try load(
            ["SLUICE_LISTENERS_2_PORT": "82", "SLUICE_LISTENERS_2_NAME": "b"], text: "loops: 1")
        #expect(two.listeners.map(\.port) == [8080, 7080, 82])
        #expect(
            errors(["SLUICE_LISTENERS_3_PORT": "1"]) == [
                "environment variable SLUICE_LISTENERS_3_PORT: error: there is no item 3: the list has 2; use 2 to add one"
            ])
        #expect(
            errors(["SLUICE_LISTENERS_2_PORT": "82"]) == [
                "environment variable SLUICE_LISTENERS_2_PORT: error: missing key `name`"
            ])
        let names = (0...11).map { ("SLUICE_IDENTITY_ISSUE_CLAIMS_\($0)", "claim\($0)") }
        let many = try load(Dictionary(uniqueKeysWithValues: names), text: "loops: 1")
        #expect(many.identity.issue?.claims == (0...11).map { "claim\($0)" })
    }

    @Test(
        "a variable that names no key is an error with a hint",
        arguments: [
            (
                "SLUICE_LISTENERS_0_ADRESS",
                "no such key; did you mean `SLUICE_LISTENERS_0_ADDRESS`?"
            ),
            ("SLUICE_LISTENERS_2_PROT", "no such key; did you mean `SLUICE_LISTENERS_2_PORT`?"),
            (
                "SLUICE_LIMIT_MAX_FRAME_BYTES",
                "no such key; did you mean `SLUICE_LIMITS_MAX_FRAME_BYTES`?"
            ),
            (
                "SLUICE_XYZZY",
                "no such key; a key `a: {b: …}` is the variable `SLUICE_A_B`; see Config/sluice.yaml"
            ),
            ("SLUICE_LISTENERS_00_PORT", "no such key; did you mean `SLUICE_LISTENERS_00_PORT`?"),
            (
                "SLUICE_ADMIN",
                "this names a group of keys, not a key; set `SLUICE_ADMIN_ADDRESS`, "
                    + "`SLUICE_ADMIN_PORT`, `SLUICE_ADMIN_SOCKET`"
            ),
            (
                "SLUICE_LISTENERS",
                "this names a group of keys, not a key; set `SLUICE_LISTENERS_0_NAME`, `SLUICE_LISTENERS_0_PROTOCOL`, `SLUICE_LISTENERS_0_ADDRESS`"
            ),
        ])
    func unknown(_ name: String, _ message: String) {
        #expect(errors([name: "1"]) == ["environment variable \(name): error: \(message)"])
    }

    @Test(
        "variables of scripts, and those Kubernetes sets for a Service named sluice, are left alone",
        arguments: [
            "SLUICE_TEST_SEED", "SLUICE_BENCH_SECONDS", "SLUICE_BUILD_DIR", "SLUICE_TOKEN",
            "SLUICE_PORT",
            "SLUICE_PORT_8080_TCP_ADDR", "SLUICE_SERVICE_HOST", "SLUICE_SERVICE_PORT_HTTP",
        ])
    func reserved(_ name: String) throws {
        #expect(try load([name: "tcp://1.2.3.4:80"]) == (try Configuration.builtIn()))
    }

    @Test("a variable over a broken file leaves the file's error")
    func overBrokenFile() {
        #expect(
            errors(["SLUICE_ADMIN_PORT": "1"], text: "admin: 5") == [
                "f:1:8: error: expected a mapping (`key: value`), found `5`"
            ])
    }
}
