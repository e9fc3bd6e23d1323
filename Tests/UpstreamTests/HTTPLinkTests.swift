import NIOCore
import SluiceFraming
import SluiceUpstream
import SluiceVocabulary
import Synchronization
import Testing

/// Commands over HTTP links, against a server whose every byte the test decides.
@Suite(.serialized) struct HTTPLinkTests {
    @Test("a command is a POST with the payload and the sender's identity")
    func request() async throws {
        try await HTTPRig.with { _ in
            .ok("{\"a\":1}", headers: "Content-Type: application/json\r\n")
        } _: { rig, server in
            let stamp = EnvelopeStamp.identity(
                user: "al ice\r\nX: 1", session: "s1", device: "d%", client: "127.0.0.1")
            try await rig.send(seqs: 1...1, payload: "hello", stamp: stamp)
            try await rig.eventually { $0.results.count == 1 }
            let seen = try #require(server.seen.first)
            #expect(seen.line == "POST /base/free HTTP/1.1")
            #expect(seen.body == "hello")
            #expect(seen.header("sluice-user") == "al%20ice%0D%0AX:%201")
            #expect(seen.header("sluice-session") == "s1")
            #expect(seen.header("sluice-device") == "d%25")
            #expect(seen.header("sluice-client") == "127.0.0.1")
            #expect(seen.header("content-type") == "application/octet-stream")
            #expect(seen.header("host") == "127.0.0.1:\(server.port)")
            let left = try #require(seen.header("sluice-deadline-ms").flatMap(Int.init))
            #expect((1...5_000).contains(left))
            try await rig.onLoop { #expect($0.results[1] == "0 {\"a\":1}") }
        }
    }

    @Test("each answer means what the document says", arguments: ServiceAnswer.all.keys.sorted())
    func answer(name: String) async throws {
        let answer = try #require(ServiceAnswer.all[name])
        try await HTTPRig.with { _ in
            .send(answer.bytes)
        } _: { rig, _ in
            try await rig.send(seqs: 1...1)
            try await rig.eventually { $0.results.count == 1 }
            try await rig.onLoop { #expect($0.results[1] == answer.wanted) }
        }
    }

    @Test("an answer that ends with its connection is whole; one cut short is not")
    func closeDelimited() async throws {
        try await HTTPRig.with { request in
            request.body == "whole"
                ? .sendThenClose("HTTP/1.1 200 OK\r\n\r\nall of it")
                : .sendThenClose("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        } _: { rig, _ in
            try await rig.send(seqs: 1...1, payload: "whole")
            try await rig.send(seqs: 2...2, payload: "half")
            try await rig.eventually { $0.results.count == 2 }
            try await rig.onLoop {
                #expect($0.results[1] == "0 all of it")
                #expect($0.results[2] == "service_unavailable")
            }
        }
    }

    @Test("connections are kept, never more than allowed, and every call is answered once")
    func pool() async throws {
        try await HTTPRig.with(connections: 3) {
            .ok("re \($0.body)")
        } _: { rig, server in
            for round in 0..<5 as Range<UInt64> {
                let seqs = (round * 40 + 1)...(round * 40 + 40)
                try await rig.send(seqs: seqs, payload: "x")
                let wanted = (Int(round) + 1) * 40
                try await rig.eventually { $0.results.count == wanted }
            }
            #expect(server.accepted.withLock { $0 } == 3)
            try await rig.onLoop { state in
                #expect(state.results.values.allSatisfy { $0 == "0 re x" })
                #expect(state.book.count("s ok") == 200)
            }
        }
    }

    @Test("`Connection: close` is obeyed")
    func connectionClose() async throws {
        try await HTTPRig.with(connections: 1) { _ in
            .ok("y", headers: "Connection: close\r\n")
        } _: { rig, server in
            try await rig.send(seqs: 1...5)
            try await rig.eventually { $0.results.count == 5 }
            #expect(server.accepted.withLock { $0 } == 5)
            #expect(server.seen.allSatisfy { $0.place == 0 })
        }
    }

    @Test("ordered calls of one session go one after the other, others beside them")
    func ordered() async throws {
        try await HTTPRig.with(connections: 8) { request in
            request.body == "slow" ? .nothing : .ok(request.body)
        } _: { rig, server in
            try await rig.send("ordered", seqs: 1...1, key: 1, payload: "slow")
            try await rig.send("ordered", seqs: 2...4, key: 1, payload: "later")
            try await rig.send("ordered", seqs: 5...5, key: 2, payload: "beside")
            try await rig.eventually { $0.results[5] == "0 beside" }
            try await rig.onLoop { #expect($0.results.count == 1) }
            #expect(!server.seen.contains { $0.body == "later" })
            let slow = try #require(server.seen.first { $0.body == "slow" })
            server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", on: slow.connection)
            try await rig.eventually { $0.results.count == 5 }
            try await rig.onLoop { #expect($0.order == [5, 1, 2, 3, 4]) }
        }
    }

    @Test("a stale connection is replaced once where twice does no harm, else the caller is told")
    func stale() async throws {
        // The second request of a connection finds it closed.
        try await HTTPRig.with(connections: 1) {
            $0.place == 0 ? .ok("y") : .close
        } _: { rig, server in
            try await rig.send("twice", seqs: 1...1)
            try await rig.eventually { $0.results.count == 1 }
            try await rig.send("twice", seqs: 2...2)
            try await rig.eventually { $0.results.count == 2 }
            try await rig.onLoop {
                #expect($0.results[2] == "0 y")
                #expect($0.attempts[2] == 2)
            }
            try await rig.send("free", seqs: 3...3)
            try await rig.eventually { $0.results.count == 3 }
            try await rig.onLoop { #expect($0.results[3] == "service_unavailable") }
            #expect(server.seen.count == 4)
        }
    }

    @Test("an answer that began is never asked for again")
    func begun() async throws {
        try await HTTPRig.with(connections: 1) {
            $0.place == 0 ? .ok("y") : .sendThenClose("HTTP/1.1 2")
        } _: { rig, server in
            try await rig.send("twice", seqs: 1...1)
            try await rig.eventually { $0.results.count == 1 }
            try await rig.send("twice", seqs: 2...2)
            try await rig.eventually { $0.results.count == 2 }
            try await rig.onLoop { #expect($0.results[2] == "service_unavailable") }
            #expect(server.seen.count == 2)
        }
    }
}
