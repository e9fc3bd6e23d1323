import SluiceDiscovery
import Testing

@Suite("Discovery: what registries answer")
struct RegistryAnswerTests {
    private static func consul(
        address: String = "192.0.2.1", port: String = "9001", more: String = "",
        checks: String = "[]"
    ) -> String {
        """
        {"Node": {"Address": "192.0.2.9", "Datacenter": "dc1"}, "Checks": \(checks),
         "Service": {"ID": "a-1", "Address": "\(address)", "Port": \(port)\(more)}}
        """
    }

    private static func read(
        _ entries: String..., passingOnly: Bool = true
    ) throws -> (instances: [DiscoveredInstance], skipped: Int) {
        try ConsulAnswer.read(
            Array("[\(entries.joined(separator: ","))]".utf8), passingOnly: passingOnly)
    }

    @Test("Consul's entries become instances, with what null leaves out")
    func consulEntries() throws {
        let told = try Self.read(
            Self.consul(
                more:
                    #", "Tags": ["v2"], "Meta": {"zone": "z1"}, "Weights": {"Passing": 7, "Warning": 2}"#
            ),
            Self.consul(
                address: "", port: "9002", more: #", "Tags": null, "Meta": null"#, checks: "null"))
        #expect(
            told.instances == [
                DiscoveredInstance(
                    host: "192.0.2.1", port: 9001, weight: 7, id: "a-1", zone: "z1", tags: ["v2"],
                    metadata: ["zone": "z1"]),
                DiscoveredInstance(host: "192.0.2.9", port: 9002, id: "a-1", zone: "dc1"),
            ])
        #expect(told.skipped == 0)
    }

    @Test(
        "critical instances are never taken, those that warn only if wanted, with their own weight")
    func checks() throws {
        let weights = #", "Weights": {"Passing": 7, "Warning": 2}"#
        let warns = Self.consul(
            more: weights, checks: #"[{"Status": "passing"}, {"Status": "warning"}]"#)
        let critical = Self.consul(
            port: "2", checks: #"[{"Status": "warning"}, {"Status": "critical"}]"#)
        let odd = Self.consul(port: "3", checks: #"[{"Status": "new-word"}]"#)
        #expect(try Self.read(warns, critical, odd).instances.isEmpty)
        #expect(
            try Self.read(warns, critical, odd, passingOnly: false).instances.map(\.weight) == [2])
    }

    @Test("entries that name no place to call are left out and counted; odd weights are bounded")
    func unusable() throws {
        let hosts = [
            "", "a b", "-x", "a\\nb", "https://x", "[::1]", "x:9",
            String(repeating: "a", count: 254),
        ]
        for host in hosts where !host.isEmpty {
            let told = try Self.read(Self.consul(address: host))
            #expect(told.instances.isEmpty && told.skipped == 1, "\(host)")
        }
        for port in ["0", "-1", "65536"] {
            #expect(try Self.read(Self.consul(port: port)).skipped == 1)
        }
        for (weight, taken) in [("0", 1), ("-5", 1), ("9999999", 65_535)] {
            let more = #", "Weights": {"Passing": \#(weight)}"#
            #expect(try Self.read(Self.consul(more: more)).instances.map(\.weight) == [taken])
        }
        #expect(
            try Self.read(Self.consul(address: "2001:db8::1")).instances.map(\.text) == [
                "[2001:db8::1]:9001"
            ])
    }

    @Test("what is no list of entries is a failure, never an empty list")
    func nonsense() {
        for body in ["", "null", "{}", "[1]", #"[{"Node": {}}]"#, "<html>", #"{"hosts": 5}"#] {
            #expect(throws: SourceFailure.self) {
                try ConsulAnswer.read(Array(body.utf8), passingOnly: true)
            }
        }
        for body in ["", "null", "[]", "<html>", #"{"hosts": 5}"#, #"{"hosts": [{"port": "x"}]}"#] {
            #expect(throws: SourceFailure.self) {
                try NacosAnswer.read(Array(body.utf8), healthyOnly: true)
            }
        }
    }

    @Test("Nacos's hosts become instances; weights of fractions keep their proportion")
    func nacos() throws {
        let body = """
            {"name": "G@@user", "cacheMillis": 3000, "hosts": [
              {"ip": "192.0.2.1", "port": 1, "weight": 1.0, "healthy": true, "enabled": true,
               "clusterName": "A", "instanceId": "i1", "metadata": {"version": "2"}},
              {"ip": "192.0.2.2", "port": 1, "weight": 0.5, "healthy": false, "metadata": {"zone": "z"}},
              {"ip": "192.0.2.3", "port": 1, "weight": 0.0},
              {"ip": "192.0.2.4", "port": 1, "enabled": false},
              {"ip": "192.0.2.5", "port": 0}, {"ip": "192.0.2.6", "port": 1, "weight": 1e300}]}
            """
        let told = try NacosAnswer.read(Array(body.utf8), healthyOnly: true)
        #expect(told.instances.map(\.host) == ["192.0.2.1", "192.0.2.6"])
        #expect(told.instances.map(\.weight) == [100, 65_535])
        #expect(told.instances[0].zone == "A" && told.instances[0].id == "i1")
        #expect(told.skipped == 1 && told.cacheMilliseconds == 3_000)
        let all = try NacosAnswer.read(Array(body.utf8), healthyOnly: false)
        #expect(all.instances.map(\.weight) == [100, 50, 65_535])
        #expect(all.instances[1].zone == "z")
        #expect(try NacosAnswer.read(Array("{}".utf8), healthyOnly: true).instances.isEmpty)
    }

    @Test("a secret is compared and never shown")
    func secret() {
        #expect("\(RegistrySecret("hunter2"))" == "secret" && "\(RegistrySecret(""))" == "none")
        #expect(
            !"\(RegistrySettings(address: "a", secret: RegistrySecret("hunter2")))".contains(
                "hunter2"))
        #expect(RegistrySecret("a") != RegistrySecret("b"))
    }
}
