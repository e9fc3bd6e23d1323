import NIOCore
import NIOEmbedded
import SluiceEdge
import SluiceFraming
import SluiceTelemetry
import SluiceTestSupport
import SluiceVocabulary
import Testing

@Suite("Devices")
struct DeviceTests {
    private func rig(_ devices: String) async throws -> EdgeRig {
        let rig = try await EdgeRig()
        try adopt(devices, on: rig)
        return rig
    }

    private func adopt(_ devices: String, on rig: EdgeRig) throws {
        try rig.adopt(policy: EdgeRig.policy(limit: 5) + "\ndevices: \(devices)\n")
    }

    private func kicked(_ envelopes: [JSONValue]) -> [String] {
        envelopes.filter { $0["cmd"]?.integer == 11 }.map {
            "\($0["data"]?["reason"]?.string ?? "") \($0["data"]?["device"]?.string ?? "")"
        }
    }

    private static let onePerClass =
        "{classes: {mobile: [ios, android], web: [web]}, rule: one_per_class}"

    @Test("a second phone ends the first with 4503 and tells it by whom; the browser stays")
    func replaced() async throws {
        let rig = try await rig(Self.onePerClass)
        let first = try rig.open("alice", query: "?device=a&platform=ios")
        let web = try rig.open("alice", query: "?device=w&platform=web")
        let second = try rig.open("alice", query: "?device=b&platform=android")
        #expect(kicked(try first.envelopes()) == ["replaced b"])
        #expect(first.closeCode == 4503)
        for client in [web, second] {
            #expect(kicked(try client.envelopes()).isEmpty)
            #expect(client.closeCode == nil)
        }
        #expect(rig.count(.connectionsClosed, ["websocket", "replaced"]) == 1)
        for client in [first, web, second] { client.hangUp() }
        #expect(rig.count(.presenceEvents, ["online"]) == 1)
        #expect(rig.count(.presenceEvents, ["offline"]) == 1)
        #expect(rig.isEmpty)
    }

    @Test("where the newer is refused it hears so after its greeting, and the older stays")
    func refused() async throws {
        let rig = try await rig("{rule: one_in_all, on_conflict: refuse}")
        let old = try rig.open("alice", query: "?device=a")
        let new = try rig.client()
        #expect(try new.upgrade(token: rig.token("alice")).hasPrefix("HTTP/1.1 101"))
        let said = try new.envelopes()
        #expect(said.map { $0["cmd"]?.integer } == [1, 11], "first its greeting, then why it goes")
        #expect(kicked(said) == ["device_refused "])
        #expect(new.closeCode == 4503)
        #expect(try old.envelopes().isEmpty && old.closeCode == nil)
        #expect(rig.count(.connectionsClosed, ["websocket", "device_refused"]) == 1)
        let again = try rig.open("alice", query: "?device=a")
        #expect(kicked(try old.envelopes()) == ["superseded a"])
        #expect(old.closeCode == 4006)
        for client in [old, new, again] { client.hangUp() }
        #expect(rig.count(.presenceEvents, ["online"]) == 1)
        #expect(rig.isEmpty)
    }

    @Test("over TCP the same is said by cmd 11 and cmd 13")
    func tcp() async throws {
        let rig = try await rig("{rule: one_in_all}")
        let old = try TCPClient.open(rig, "alice")
        let new = try TCPClient(rig)
        new.send(
            #"{"cmd":1,"seq":1,"data":{"token":"\#(try rig.token("alice"))","device":{"id":"b"}}}"#)
        #expect(try new.envelopes().count == 1)
        let said = try old.envelopes()
        #expect(kicked(said) == ["replaced b"])
        #expect(said.last?["cmd"]?.integer == 13)
        #expect(said.last?["data"]?["code"]?.integer == 4503)
    }

    @Test("a rule that is tightened by a reload closes the oldest of those who are here")
    func tightened() async throws {
        let rig = try await rig("{rule: allow_all}")
        let clients = try (1...5).map { try rig.open("alice", query: "?device=d\($0)") }
        let bob = try rig.open("bob")
        try adopt("{rule: {max: 2}}", on: rig)
        rig.pass(milliseconds: 200)
        for client in clients[..<3] {
            #expect(kicked(try client.envelopes()) == ["replaced "])
            #expect(client.closeCode == 4503)
        }
        for client in clients[3...] + [bob] {
            _ = try client.envelopes()
            #expect(client.closeCode == nil)
        }
        #expect(rig.count(.presenceEvents, ["offline"]) == 0)
        for client in clients + [bob] { client.hangUp() }
        #expect(rig.isEmpty)
    }
}
