import SluiceDocuments
import SluiceGateway
import Testing

/// One broken configuration with everything that must be said about it.
struct BrokenConfiguration: Sendable, CustomTestStringConvertible {
    var text: String
    var findings: [String]

    init(_ text: String, _ findings: String...) {
        self.text = text
        self.findings = findings
    }

    var testDescription: String { findings.first ?? text }
}

@Suite("Configuration: broken files")
struct ConfigurationBrokenTests {
    static let service = "services: [{name: s, instances: [\"h:1\"]}]\n"

    static let shape: [BrokenConfiguration] = [
        .init("listner: []", "f:1:1: error: unknown key `listner`; did you mean `listeners`?"),
        .init("- a", "f:1:1: error: expected a mapping (`key: value`), found a list"),
        .init("loops: many", "f:1:8: error: expected a whole number, found `many`"),
        .init("loops: 300", "f:1:8: error: expected a whole number from 0 to 256, found `300`"),
        .init("loops:", "f:1:1: error: `loops` has no value; give one or leave the key out"),
        .init(
            "loops: 1\nloops: 2", "f:2:1: error: key `loops` appears twice; it is at line 1 already"
        ),
        .init("policies: \"\"", "f:1:11: error: the directory of policies is missing"),
        .init("policies: [a]", "f:1:11: error: expected a text, found a list"),
        .init("pid_file: 1", "f:1:11: error: expected a text, found `1`; put it in quotes: \"1\""),
        .init(
            "drain: {deadline: 30}",
            "f:1:19: error: expected a duration like 10s, found `30`; add a unit: 30s"),
        .init(
            "drain: {dedline: 30s}", "f:1:9: error: unknown key `dedline`; did you mean `deadline`?"
        ),
        .init(
            "telemetry: {journal: journal}",
            "f:1:22: error: expected one of `auto`, `journald`, `off`, `stderr`, found `journal`; did you mean `journald`?"
        ),
        .init(
            "telemetry: {metrics_series: 5}",
            "f:1:29: error: expected a whole number from 100 to 1000000, found `5`"),
    ]

    static let addresses: [BrokenConfiguration] = [
        .init("listeners: []", "f:1:12: error: at least one listener is needed"),
        .init("listeners: [{port: 1}]", "f:1:13: error: missing key `name`"),
        .init("listeners: [{name: a}]", "f:1:13: error: missing key `port`"),
        .init(
            "listeners: [{name: a, port: 70000}]",
            "f:1:29: error: expected a whole number from 0 to 65535, found `70000`"),
        .init(
            "listeners: [{name: a, port: 1, address: localhost}]",
            "f:1:41: error: expected an IP address, found `localhost`; write 127.0.0.1"),
        .init(
            "listeners: [{name: a, port: 1, address: 1.2.3}]",
            "f:1:41: error: expected an IP address, found `1.2.3`"),
        .init(
            "listeners: [{name: a, port: 1}, {name: a, port: 2}]",
            "f:1:40: error: listener name `a` is used twice; it is at f:1:20 already"),
        .init(
            "listeners: [{name: a, port: 1}, {name: b, port: 1}]",
            "f:1:49: error: port 1 of 127.0.0.1 is used twice; it is at f:1:29 already"),
        .init(
            "listeners: [{name: a b, port: 1}]",
            "f:1:20: error: expected a name of letters, digits, `.`, `_` and `-`, found `a b`"),
        .init(
            "listeners: [{name: a, port: 1, protocol: udp}]",
            "f:1:42: error: expected one of `http`, `tcp`, found `udp`"),
        .init(
            "listeners: [{name: a, address: \"unix:/s\", port: 1}]",
            "f:1:49: error: a Unix socket has no port"),
        .init(
            "listeners: [{name: a, address: \"unix:run/s\"}]",
            "f:1:32: error: expected unix: and an absolute path of 2 to 103 bytes, found `unix:run/s`"
        ),
        .init(
            "listeners: [{name: a, address: \"unix:/s\"}, {name: b, address: \"unix:/s\"}]",
            "f:1:63: error: socket /s is used twice; it is at f:1:32 already"),
        .init(
            "listeners: [{name: a, address: \"unix:/s\", mode: \"0999\"}]",
            "f:1:49: error: expected permission bits like \"0660\", found `0999`"),
        .init(
            "listeners: [{name: a, address: \"unix:/s\", mode: 660}]",
            "f:1:49: error: expected a text, found `660`; put it in quotes: \"660\""),
        .init(
            "listeners: [{name: a, port: 1, address: \"fe80::1\"}]",
            "f:1:41: error: expected an interface behind the address, found `fe80::1`; "
                + "write fe80::1%eth0 or the like"),
        .init(
            "listeners: [{name: a, port: 1, address: \"::1%lo\"}]",
            "f:1:41: error: expected no interface, found `::1%lo`; "
                + "only link-local addresses (fe80::/10) have one"),
        .init(
            "listeners: [{name: a, port: 1, proxy_protocol: yes}]",
            "f:1:48: error: expected true or false, found `yes`; write `true`"),
        .init(
            "trusted_proxies: [10.0.0.0/8, proxy.example]",
            "f:1:31: error: expected an address block like 10.0.0.0/8 or fd00::/8, or `unix`, "
                + "found `proxy.example`"),
        .init(
            "trusted_proxies: [10.0.0.1/8]",
            "f:1:19: error: `10.0.0.1/8` has bits behind its prefix; write 10.0.0.0/8"),
        .init(
            "admin: {address: 0.0.0.0}",
            "f:1:18: error: the admin port is open on loopback only, and `0.0.0.0` is not; "
                + "write 127.0.0.1 or ::1 and put a proxy with TLS in front"),
        .init(
            "admin: {port: 8080}",
            "f:1:15: error: port 8080 is the port of listener `main`; give the admin port a number of its own"
        ),
        .init(
            "admin: {socket: /\(String(repeating: "s", count: 107))}",
            "f:1:17: error: the path of a Unix socket has at most 107 bytes; "
                + "choose a shorter one, as /run/sluice/admin.sock"),
    ]

    static let identity: [BrokenConfiguration] = [
        .init(
            "identity: {keys: []}",
            "f:1:18: error: at least one key is needed, or no token can be verified"),
        .init(
            "identity: {keys: [{kid: a, secret_file: x}, {kid: a, secret_file: y}]}",
            "f:1:51: error: kid `a` is used twice; it is at f:1:25 already"),
        .init("identity: {keys: [{kid: a}]}", "f:1:19: error: missing key `secret_file`"),
        .init(
            "identity: {keys: [{kid: a, secret: hunter2, secret_file: x}]}",
            "f:1:28: error: unknown key `secret`; known: `kid`, `algorithm`, `secret_file`, "
                + "`public_key_file`, `private_key_file`"),
        .init(
            "identity: {keys: [{kid: a, secret_file: x, algorithm: RS256}]}",
            "f:1:41: error: `secret_file` is one file too many or the wrong one; "
                + "a key for RS256 has one file, `public_key_file` or `private_key_file`"),
        .init(
            "identity: {keys: [{kid: a, public_key_file: x}]}",
            "f:1:45: error: `public_key_file` is one file too many or the wrong one; "
                + "a key for HS256 has one file, `secret_file`"),
        .init(
            "identity: {keys: [{kid: a, algorithm: EdDSA, public_key_file: x, private_key_file: y}]}",
            "f:1:84: error: `private_key_file` is one file too many or the wrong one; "
                + "a key for EdDSA has one file, `public_key_file` or `private_key_file`"),
        .init(
            "identity: {keys: [{kid: a, algorithm: ES256}]}",
            "f:1:19: error: missing key `public_key_file` or `private_key_file`"),
        .init(
            "identity: {keys: [{kid: a, secret_file: x, algorithm: none}]}",
            "f:1:55: error: expected one of `ES256`, `ES384`, `ES512`, `EdDSA`, `HS256`, `HS384`, "
                + "`HS512`, `PS256`, `PS384`, `PS512`, `RS256`, `RS384`, `RS512`, found `none`"),
        .init(
            "identity: {keys: [{kid: a, algorithm: RS256, public_key_file: x}], issue: {key: a}}",
            "f:1:81: error: key `a` is public and cannot sign; "
                + "name its private_key_file, another key, or \"\" to issue no tokens"),
        .init(
            "identity: {jwks: {url: \"http://id.example/keys\"}}",
            "f:1:24: error: keys over plain http could be anybody's; "
                + "use https; http is for loopback alone"),
        .init(
            "identity: {jwks: {url: \"https://user:pass@id.example/keys\"}}",
            "f:1:24: error: expected an https address without user and password; "
                + "write https://id.example/jwks.json or the like"),
        .init(
            "identity: {jwks: {url: \"file:///etc/keys\"}}",
            "f:1:24: error: expected an https address without user and password; "
                + "write https://id.example/jwks.json or the like"),
        .init(
            "identity: {jwks: {url: \"https://id.example/\", algorithms: [HS256]}}",
            "f:1:60: error: a key source shows its keys to everybody, so `HS256` cannot be "
                + "among its algorithms"),
        .init(
            "identity: {jwks: {url: \"https://id.example/\", algorithms: []}}",
            "f:1:59: error: no algorithm is left for the keys of the source; "
                + "name at least one, like RS256"),
        .init(
            "identity: {opaque: {command: user.sessoin}}\n"
                + "services: [{name: u, instances: [\"h:1\"]}]\n"
                + "commands: [{id: 100, name: user.session, service: u, from: gateway}]",
            "f:1:30: error: there is no command `user.sessoin`; did you mean `user.session`?"),
        .init(
            "identity: {user_check: {command: user.check}}\n"
                + "services: [{name: u, instances: [\"h:1\"]}]\n"
                + "commands: [{id: 100, name: user.check, service: u, from: client}]",
            "f:1:34: error: the command `user.check` is not the gateway's own; "
                + "declare it with `from: gateway`"),
        .init(
            "identity: {user_check: {ttl: 1h}}",
            "f:1:24: error: a stale answer would end before a fresh one does; "
                + "make it at least `ttl`"),
        .init(
            "identity: {keys: [{kid: key1, secret_file: x}], issue: {key: key2}}",
            "f:1:62: error: no key of `identity.keys` has the kid `key2`; did you mean `key1`?"),
        .init(
            "identity: {issue: {ttl: 30d, refresh_ttl: 1h}}",
            "f:1:43: error: a refresh token that expires before its token is of no use; make it longer than `ttl` (30d)"
        ),
        .init(
            "identity: {issue: {claims: [roles, sub, roles]}}",
            "f:1:36: error: the gateway writes the claim `sub` itself; leave it out",
            "f:1:41: error: claim `roles` is used twice; it is at f:1:29 already"),
        .init("identity: {leeway: 500ms}", "f:1:20: error: expected whole seconds, found `500ms`"),
        .init(
            "identity: {leeway: 1h}", "f:1:20: error: expected a duration from 0s to 5m, found `1h`"
        ),
    ]

    static let commands: [BrokenConfiguration] = [
        .init(
            service + "commands: [{id: 99, name: c, service: s}]",
            "f:2:17: error: command ids up to 99 are the gateway's own; use 100 or more"),
        .init(
            service + "commands: [{id: 4294967296, name: c, service: s}]",
            "f:2:17: error: expected a whole number from 0 to 4294967295, found `4294967296`"),
        .init(
            service + "commands: [{id: 100, name: c, service: s}, {id: 100, name: c, service: s}]",
            "f:2:49: error: command id 100 is used twice; it is at f:2:17 already",
            "f:2:60: error: command name `c` is used twice; it is at f:2:28 already"),
        .init(
            service + "commands: [{id: 100, name: auth.login, service: s}]",
            "f:2:28: error: `auth.login` is an action of the gateway itself; choose another name"),
        .init(
            "services: [{name: message, instances: [\"h:1\"]}]\ncommands: [{id: 100, name: c, service: mesage}]",
            "f:2:40: error: there is no service `mesage`; did you mean `message`?"),
        .init(
            "commands: [{id: 100, name: c, service: s}]",
            "f:1:40: error: there is no service `s`; add it under `services`"),
        .init(
            service + "commands: [{id: 100, name: c, service: s, from: clients}]",
            "f:2:49: error: expected one of `client`, `gateway`, `push`, found `clients`; did you mean `client`?"
        ),
        .init(
            service + "commands: [{id: 100, name: c, service: s, ordered: yes}]",
            "f:2:52: error: expected true or false, found `yes`; write `true`"),
        .init(
            service + "commands: [{id: 100, name: c, service: s, timeout: 1ms}]",
            "f:2:52: error: expected a duration from 10ms to 10m, found `1ms`"),
        .init(
            service + "commands: [{id: 100, name: c, service: s, max_bytes: 16KB}]",
            "f:2:54: error: expected a number of bytes like 65536 or 64KiB, found `16KB`; "
                + "a whole number, alone or with KiB, MiB or GiB"),
    ]

    static let http: [BrokenConfiguration] = [
        .init(
            "http: {allowed_origins: [chat.example.com]}",
            "f:1:26: error: expected an origin like https://chat.example.com, https://*.example.com, or \"*\", found `chat.example.com`; scheme, host and port, nothing behind them"
        ),
        .init(
            "http: {cors: {credentials: true}}",
            "f:1:28: error: pages of any origin could act in the name of whoever visits them; name the origins in `allowed_origins` instead of \"*\""
        ),
        .init(
            "http: {client_address: x-real-ip}",
            "f:1:24: error: expected one of `auto`, `forwarded`, `x-forwarded-for`, found `x-real-ip`"
        ),
        .init(
            "http: {cors: {maxage: 1s}}",
            "f:1:15: error: unknown key `maxage`; did you mean `max_age`?"),
        .init(
            "http: {rate_limit_fields: on}",
            "f:1:27: error: expected true or false, found `on`; write `true`"),
        .init(
            "http: {tell_rules: false}",
            "f:1:8: error: unknown key `tell_rules`; did you mean `tell_rule`?"),
    ]

    static let limits: [BrokenConfiguration] = [
        .init(
            "limits: {reload_close_per_second: 0}",
            "f:1:35: error: expected a whole number from 1 to 1000000, found `0`"),
        .init(
            "limits: {max_http2_streams: 0}",
            "f:1:29: error: expected a whole number from 1 to 10000, found `0`"),
        .init(
            "limits: {max_frames_bytes: 1}",
            "f:1:10: error: unknown key `max_frames_bytes`; did you mean `max_frame_bytes`?"),
        .init(
            "limits: {max_frame_bytes: 10}",
            "f:1:27: error: expected 1024 to 16777216 bytes, found `10`"),
        .init(
            "limits: {max_frame_bytes: 2MiB, max_link_frame_bytes: 1MiB}",
            "f:1:9: error: a single message would fill the outbox; make it at least `max_frame_bytes` (2097152)",
            "f:1:55: error: a client's largest message would not fit into a link frame; make it at least 2101248"
        ),
        .init(
            "limits: {link_pause_bytes: 9MiB}",
            "f:1:28: error: reading would pause only after requests are refused; make it at most `max_link_queue_bytes` (8388608)"
        ),
        .init(
            "limits: {heartbeat_misses: 0}",
            "f:1:28: error: expected a whole number from 1 to 100, found `0`"),
        .init(
            "limits: {handshake_timeout: 1us}",
            "f:1:29: error: expected a duration from 100ms to 10m, found `1us`"),
    ]

    @Test(
        "each error is told at its place, with a hint",
        arguments: shape + tls + addresses + identity + services + commands + http + limits)
    func broken(_ example: BrokenConfiguration) {
        do {
            _ = try Configuration.decode(text: example.text, file: "f", environment: [:])
            Issue.record("it was accepted")
        } catch {
            #expect(error.diagnostics.map(\.text) == example.findings)
        }
    }

    @Test("all errors of a file are told in one go, in the order of the text")
    func allAtOnce() {
        let text = """
            listeners:
              - {name: main, adress: 127.0.0.1, port: 99999}
            admin: {address: 10.0.0.1}
            loops: -1
            limits: {max_frame_bytes: 1MB}
            commands:
              - {id: 5, name: x, service: y}
            """
        do {
            _ = try Configuration.decode(text: text, file: "f", environment: [:])
            Issue.record("it was accepted")
        } catch {
            let places = error.diagnostics.map { $0.position.text }
            #expect(
                places == ["f:2:18", "f:2:43", "f:3:18", "f:4:8", "f:5:27", "f:7:10", "f:7:31"])
        }
    }

    @Test("what works but is hardly meant is a warning, and the configuration loads")
    func warnings() throws {
        let text = Self.service + "commands: [{id: 100, name: c, service: s, max_bytes: 1MiB}]"
        let loaded = try Configuration.decode(text: text, file: "f", environment: [:])
        #expect(
            loaded.warnings.text
                == "f:2:54: warning: `max_bytes` is never reached: a message ends at 65536 bytes; "
                + "raise `limits.max_frame_bytes` or lower this")
    }
}
