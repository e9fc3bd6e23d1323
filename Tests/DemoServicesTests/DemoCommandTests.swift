import Foundation
import NIOCore
import SluiceDemoServices
import SluiceFraming
import SluiceVocabulary
import SwiftProtobuf
import Testing

@Suite("Demo commands")
struct DemoCommandTests {
    private func withLink(_ test: (LinkClient) async throws -> Void) async throws {
        try await withServices { port, _ in
            let link = try await LinkClient.connect(port: port)
            try await test(link)
            try await link.close()
        }
    }

    private static let members: [(user: String, password: String, plan: String)] = [
        ("alice", "wonderland", "free"), ("bob", "builder", "pro"), ("carol", "singer", "free"),
    ]

    @Test("user.login tells id, roles and plan of those who know their password")
    func login() async throws {
        try await withLink { link in
            for (user, password, plan) in Self.members {
                let answer = try await link.ask(
                    .userLogin, #"{"user":"\#(user)","password":"\#(password)"}"#)
                #expect(answer.status == 0)
                #expect(
                    answer.body
                        == .object([
                            ("user_id", .string(user)), ("roles", .array([.string("member")])),
                            ("plan", .string(plan)),
                        ]))
            }
        }
    }

    @Test("user.login refuses every wrong pair with the same answer, which shows nothing of it")
    func wrongLogin() async throws {
        try await withLink { link in
            for (user, password) in [
                ("alice", "builder"), ("alice", ""), ("alice", "wonderlan"),
                ("alice", "wonderlandx"), ("alice", "wonderlandwonderland"),
                ("alice", "Wonderland"),
                ("", ""), ("mallory", "no password opens this"), ("", "no password opens this"),
                ("Alice", "wonderland"),
            ] {
                let answer = try await link.ask(
                    .userLogin, #"{"user":"\#(user)","password":"\#(password)"}"#)
                #expect(answer.status == 1_401)
                #expect(answer.body == .object([("error", .string("user or password is wrong"))]))
            }
            for payload in [
                "", "{}", #"{"user":"alice"}"#, #"{"user":"alice","password":null}"#,
                #"{"user":["alice"],"password":"wonderland"}"#, "[]", "wonderland",
                #"{"user":"alice","password":"wonderland","password":"wonderland"}"#,
            ] {
                let answer = try await link.ask(.userLogin, payload)
                #expect(answer.status == 1_400)
                let text = String(decoding: answer.body.text(), as: UTF8.self)
                #expect(!text.contains("wonderland"))
            }
        }
    }

    @Test("user.presence names the friends to tell, and friendship goes both ways")
    func presence() async throws {
        try await withLink { link in
            for (user, friends) in [
                ("alice", ["bob", "carol"]), ("bob", ["alice", "carol"]),
                ("carol", ["alice", "bob"]), ("load-test-17", []),
            ] {
                let names = JSONValue.array(friends.map(JSONValue.string))
                let event = #"{"user":"\#(user)","online":true,"number":1}"#
                #expect(
                    try await link.ask(.userPresence, event).body == .object([("notify", names)]))
                let list = try await link.ask(.friendList, as: user)
                #expect(list.body == .object([("friends", names)]))
            }
            #expect(try await link.ask(.userPresence, #"{"user":"alice"}"#).status == 1_400)
        }
    }

    @Test("friend.request asks whoever is no friend yet by a push, and nobody else")
    func request() async throws {
        try await withLink { link in
            let friends = try await link.ask(.friendRequest, #"{"user":"bob"}"#, as: "alice")
            #expect(friends.body == .object([("friends", .bool(true))]))
            let stranger = try await link.ask(.friendRequest, #"{"user":"bob"}"#, as: "dora")
            #expect(stranger.body == .object([("friends", .bool(false))]))
            // Nothing came between: the next frame is the push of the second request.
            let frame = try await link.next()
            let push = try LinkPush(from: frame.body)
            #expect(push.targets == .users(["bob"]))
            let envelope = try Sluice_V1_Envelope(serializedBytes: Array(buffer: push.envelope))
            let body = try JSONValue(parsing: Array(envelope.payload))
            #expect(envelope.cmd == DemoCommand.friendRequested.rawValue)
            #expect(body == .object([("from", .string("dora"))]))
            for (payload, user, status): (String, String, UInt32) in [
                (#"{"user":"alice"}"#, "alice", 1_400), ("{}", "alice", 1_400),
                (#"{"user":"bob"}"#, "", 1_400), (#"{"user":"nobody"}"#, "alice", 1_404),
            ] {
                #expect(try await link.ask(.friendRequest, payload, as: user).status == status)
            }
        }
    }

    /// Uploads bytes and returns their id.
    private func upload(_ bytes: [UInt8], _ link: LinkClient) async throws -> Int64 {
        let answer = try await link.exchange(.mediaUpload, bytes, format: 0, as: "alice")
        let body = try JSONValue(parsing: Array(answer.payload))
        #expect(answer.status == 0)
        #expect(body["bytes"] == .integer(Int64(bytes.count)))
        return try #require(body["id"]?.integer)
    }

    @Test("media.download gives what media.upload was given, byte for byte")
    func media() async throws {
        try await withLink { link in
            let pictures: [[UInt8]] = [[0, 0xFF, 0x7B], [], Array(repeating: 0x2A, count: 61_440)]
            for picture in pictures {
                let id = try await upload(picture, link)
                let answer = try await link.exchange(
                    .mediaDownload, Array(#"{"id":\#(id)}"#.utf8), as: "bob")
                #expect(answer.status == 0)
                #expect(answer.format == 0)
                #expect(Array(answer.payload) == picture)
            }
            for (payload, status): (String, UInt32) in [
                ("{}", 1_400), (#"{"id":"1"}"#, 1_400), (#"{"id":0}"#, 1_404),
                (#"{"id":4}"#, 1_404),
                (#"{"id":-9223372036854775808}"#, 1_404),
            ] {
                #expect(try await link.ask(.mediaDownload, payload, as: "bob").status == status)
            }
            #expect(try await link.exchange(.mediaUpload, [1], as: "").status == 1_400)
        }
    }

    @Test("a hundred uploads are kept, then the oldest makes room")
    func mediaBounds() async throws {
        try await withLink { link in
            func find(_ id: Int64) async throws -> [UInt8]? {
                let answer = try await link.exchange(
                    .mediaDownload, Array(#"{"id":\#(id)}"#.utf8), as: "bob")
                return answer.status == 0 ? Array(answer.payload) : nil
            }
            for number in 1...102 {
                let id = try await upload([UInt8(number)], link)
                #expect(id == Int64(number))
            }
            for id: Int64 in [1, 2, 3, 100, 101, 102] {
                let found = try await find(id)
                #expect(found == (id < 3 ? nil : [UInt8(id)]))
            }
        }
    }

    @Test("user.profile shows the caller or whom he asks for, online as presence last said")
    func profile() async throws {
        try await withLink { link in
            func online(_ user: String) async throws -> Bool? {
                try await link.ask(.userProfile, #"{"user":"\#(user)"}"#, as: "carol").body[
                    "online"]?
                    .bool
            }
            let own = try await link.ask(.userProfile, as: "bob")
            #expect(own.body["user_id"] == .string("bob"))
            #expect(own.body["plan"] == .string("pro"))
            #expect(own.body["password"] == nil)
            for (number, isOnline) in [true, false, true].enumerated() {
                _ = try await link.ask(
                    .userPresence, #"{"user":"alice","online":\#(isOnline),"number":\#(number)}"#)
                #expect(try await online("alice") == isOnline)
                #expect(try await online("bob") == false)
            }
            // Told again, late: the greatest number counts.
            _ = try await link.ask(.userPresence, #"{"user":"alice","online":false,"number":1}"#)
            #expect(try await online("alice") == true)
            let unknown = try await link.ask(.userProfile, #"{"user":"x"}"#, as: "bob")
            #expect(unknown.status == 1_404)
            #expect(try await link.ask(.userProfile, #"{"user":1}"#, as: "bob").status == 1_400)
        }
    }

    @Test("user.presence.reset takes that node's users offline, and nobody else")
    func reset() async throws {
        try await withLink { link in
            func online(_ user: String) async throws -> Bool? {
                try await link.ask(.userProfile, #"{"user":"\#(user)"}"#, as: "carol").body[
                    "online"]?
                    .bool
            }
            for (user, node) in [("alice", "a"), ("bob", "b")] {
                _ = try await link.ask(
                    .userPresence,
                    #"{"user":"\#(user)","online":true,"number":1,"node":"\#(node)"}"#)
            }
            let answer = try await link.ask(
                .userPresenceReset, #"{"node":"a","epoch":1800000000000}"#)
            #expect(answer.status == 0)
            #expect(try await online("alice") == false)
            #expect(try await online("bob") == true)
            #expect(try await link.ask(.userPresenceReset, #"{"node":"a"}"#).status == 1_400)
        }
    }

    @Test("message.send answers with an id and pushes to the receiver over the same link")
    func send() async throws {
        try await withServices { port, _ in
            let link = try await LinkClient.connect(port: port)
            let other = try await LinkClient.connect(port: port)
            var pushes: Set<UInt32> = []
            for text in ["hi", "quote \" é 😀", ""] {
                let payload = JSONValue.object([("to", .string("bob")), ("text", .string(text))])
                let answer = try await link.ask(
                    .messageSend, String(decoding: payload.text(), as: UTF8.self), as: "alice")
                #expect(answer.status == 0)
                let id = try #require(answer.body["id"]?.integer)

                let frame = try await link.next()
                #expect(frame.kind == .push)
                pushes.insert(frame.stream)
                let push = try LinkPush(from: frame.body)
                #expect(push.targets == .users(["bob"]))
                #expect(push.deliveryClass == .must)
                let envelope = try Sluice_V1_Envelope(serializedBytes: Array(buffer: push.envelope))
                #expect(envelope.cmd == 1_003)
                #expect(envelope.kind == 2)
                #expect(envelope.format == 1)
                #expect(
                    try JSONValue(parsing: Array(envelope.payload))
                        == .object([
                            ("from", .string("alice")), ("text", .string(text)),
                            ("id", .integer(id)),
                        ]))
            }
            #expect(pushes.count == 3)
            #expect(try await other.ask(.friendList, as: "bob").status == 0)
            try await link.close()
            try await other.close()
        }
    }

    @Test("message.send refuses what it cannot deliver and pushes nothing then")
    func wrongSend() async throws {
        try await withLink { link in
            let long = String(repeating: "x", count: 16_385)
            for (payload, user, status): (String, String, UInt32) in [
                (#"{"to":"bob"}"#, "alice", 1_400), (#"{"text":"hi"}"#, "alice", 1_400),
                (#"{"to":"","text":"hi"}"#, "alice", 1_400),
                (#"{"to":["bob"],"text":"hi"}"#, "alice", 1_400),
                (#"{"to":"bob","text":1}"#, "alice", 1_400), ("", "alice", 1_400),
                (#"{"to":"bob","text":"hi"}"#, "", 1_400),
                (#"{"to":"bob","text":"\#(long)"}"#, "alice", 1_413),
                (#"{"to":"\#(long)","text":"hi"}"#, "alice", 1_400),
            ] {
                let answer = try await link.ask(.messageSend, payload, as: user)
                #expect(answer.status == status)
            }
            let history = try await link.ask(.messageHistory, as: "bob")
            #expect(history.body["messages"] == .array([]))
        }
    }

    @Test("the sender is whom the gateway stamped last, whatever the client wrote before")
    func stampedSender() async throws {
        try await withLink { link in
            let forged = Sluice_V1_Envelope.with {
                $0.cmd = DemoCommand.messageSend.rawValue
                $0.seq = 1
                $0.payload = Data(Array(#"{"to":"bob","text":"hi"}"#.utf8))
                $0.userID = "root"
            }
            let stamp = EnvelopeStamp.identity(user: "alice", session: "s", device: "", client: "")
            var bytes: [UInt8] = try forged.serializedBytes()
            bytes += stamp
            try await link.send(.call, stream: 1, body: bytes)
            #expect(try await link.next().kind == .reply)
            let push = try LinkPush(from: try await link.next().body)
            let envelope = try Sluice_V1_Envelope(serializedBytes: Array(buffer: push.envelope))
            #expect(try JSONValue(parsing: Array(envelope.payload))["from"] == .string("alice"))
        }
    }

    @Test("message.history shows a user's own messages, all or with one peer, the last ones")
    func history() async throws {
        try await withLink { link in
            func say(_ from: String, _ to: String, _ text: String) async throws {
                let payload = #"{"to":"\#(to)","text":"\#(text)"}"#
                #expect(try await link.ask(.messageSend, payload, as: from).status == 0)
                _ = try await link.next()
            }
            func texts(_ user: String, _ payload: String = "{}") async throws -> [String?] {
                let answer = try await link.ask(.messageHistory, payload, as: user)
                return answer.body["messages"]?.array?.map { $0["text"]?.string } ?? []
            }
            try await say("alice", "bob", "1")
            try await say("bob", "alice", "2")
            try await say("alice", "carol", "3")
            try await say("carol", "carol", "4")
            #expect(try await texts("alice") == ["1", "2", "3"])
            #expect(try await texts("bob") == ["1", "2"])
            #expect(try await texts("carol") == ["3", "4"])
            #expect(try await texts("alice", #"{"with":"bob"}"#) == ["1", "2"])
            #expect(try await texts("alice", #"{"with":"carol"}"#) == ["3"])
            #expect(try await texts("alice", #"{"limit":2}"#) == ["2", "3"])
            #expect(try await texts("alice", #"{"limit":0}"#) == [])
            #expect(try await texts("alice", #"{"with":"bob","limit":1}"#) == ["2"])
            #expect(try await texts("carol", #"{"with":"carol"}"#) == ["4"])
            #expect(try await texts("mallory") == [])
            for wrong in [#"{"limit":-1}"#, #"{"limit":"1"}"#, #"{"with":7}"#, "[]"] {
                #expect(try await link.ask(.messageHistory, wrong, as: "alice").status == 1_400)
            }
        }
    }

    @Test("a history keeps a hundred messages of a user, and a thousand users have one")
    func bounds() async throws {
        try await withLink { link in
            var calls = ByteBuffer()
            let senders = (0..<150).map { _ in "user-0" } + (0...1_000).map { "user-\($0)" }
            for (index, sender) in senders.enumerated() {
                let payload = #"{"to":"\#(sender)","text":"\#(index)"}"#
                var call = try LinkClient.call(
                    .messageSend, stream: UInt32(index), payload: Array(payload.utf8), user: sender)
                calls.writeBuffer(&call)
                if index == 149 {
                    try await link.send(calls)
                    calls.clear()
                    for _ in 0..<300 { _ = try await link.next() }
                    let answer = try await link.ask(.messageHistory, as: "user-0")
                    let messages = try #require(answer.body["messages"]?.array)
                    #expect(messages.count == 100)
                    #expect(messages.first?["text"] == .string("50"))
                    #expect(messages.last?["text"] == .string("149"))
                }
            }
            try await link.send(calls)
            for _ in 0..<2_002 { _ = try await link.next() }
            func count(_ user: String) async throws -> Int? {
                try await link.ask(.messageHistory, as: user).body["messages"]?.array?.count
            }
            #expect(try await count("user-0") == 0)
            #expect(try await count("user-1") == 1)
            #expect(try await count("user-1000") == 1)
        }
    }

    @Test("a command nobody knows and an envelope nobody can read are answered all the same")
    func unknown() async throws {
        try await withLink { link in
            for command: UInt32 in [0, 1, 99, 101, 1_004, .max] {
                let envelope = Sluice_V1_Envelope.with {
                    $0.cmd = command
                    $0.seq = 3
                }
                try await link.send(.call, stream: 8, body: try envelope.serializedBytes())
                let reply = try Sluice_V1_Envelope(try await link.next())
                #expect(reply.status == 1_404)
                #expect(reply.cmd == command)
                #expect(reply.seq == 3)
            }
            #expect(try await link.ask(.messageDeliver, "{}", as: "alice").status == 1_404)
            try await link.send(.call, stream: 8, body: [0xFF])
            let frame = try await link.next()
            #expect(frame.stream == 8)
            #expect(try Sluice_V1_Envelope(frame).status == 1_400)
        }
    }
}
