import NIOCore
import SluiceFraming
import SluiceUpstream
import SluiceVocabulary
import Synchronization
import Testing

/// HTTP links when things go wrong: deadlines, limits, instances that are not there.
@Suite(.serialized) struct HTTPLinkFailureTests {
    @Test("a deadline ends the call and its connection")
    func deadline() async throws {
        try await HTTPRig.with(connections: 1, timeoutMilliseconds: 50) { _ in
            .nothing
        } _: { rig, server in
            try await rig.send(seqs: 1...3)
            try await rig.eventually { $0.results.count == 3 }
            try await rig.onLoop { state in
                #expect(state.results.values.allSatisfy { $0 == "timed_out" })
                #expect(state.book.count("s timed_out") == 3)
            }
            try await rig.waitUntil { server.open.withLock { $0 } == 0 }
        }
    }

    @Test("a client that goes takes its calls with it, and a lane goes on")
    func cancel() async throws {
        try await HTTPRig.with {
            $0.body == "slow" ? .nothing : .ok("y")
        } _: { rig, server in
            try await rig.send("ordered", seqs: 1...1, key: 1, requester: 1, payload: "slow")
            try await rig.send("ordered", seqs: 2...2, key: 1, requester: 1)
            try await rig.send("ordered", seqs: 3...3, key: 1, requester: 2)
            try await rig.waitUntil { server.seen.count == 1 }
            try await rig.onLoop { state in
                let ended = state.upstream.cancel(
                    requester: ConnectionID(loop: 0, slot: 1, generation: 1))
                #expect(ended.map(\.seq).sorted() == [1, 2])
            }
            try await rig.eventually { $0.results[3] == "0 y" }
            try await rig.onLoop { state in
                #expect(state.results.count == 1)
                #expect(state.book.count("s cancelled") == 2)
            }
            #expect(server.seen.count == 2)
        }
    }

    @Test("too many calls and too many bytes are refused as overloaded")
    func overloaded() async throws {
        var limits = Limits()
        limits.maxInFlightPerLink = 3
        try await HTTPRig.with(connections: 1, limits: limits) { _ in
            .nothing
        } _: { rig, _ in
            let sent = try await rig.send(seqs: 1...4)
            #expect(sent.prefix(3).allSatisfy { $0 == .sent(isCongested: false) })
            #expect(sent.last == .refused(.overloaded))
            try await rig.onLoop { #expect($0.book.count("limit max_in_flight_per_link") == 1) }
        }
        limits = Limits()
        limits.maxLinkQueueBytes = 1_000
        limits.linkPauseBytes = 400
        try await HTTPRig.with(connections: 1, limits: limits) { _ in
            .nothing
        } _: { rig, server in
            let payload = String(repeating: "x", count: 300)
            let sent = try await rig.send(seqs: 1...3, payload: payload)
            #expect(
                sent == [
                    .sent(isCongested: false), .sent(isCongested: true), .refused(.overloaded),
                ])
            try await rig.waitUntil { server.seen.count == 1 }
            server.closeConnections()
            try await rig.eventually { $0.relieved > 0 }
        }
    }

    @Test("an answer beyond the limit is refused, and counted")
    func largeAnswer() async throws {
        var limits = Limits()
        limits.maxLinkFrameBytes = 1_000
        try await HTTPRig.with(limits: limits) { _ in
            .ok(String(repeating: "x", count: 1_001))
        } _: { rig, _ in
            try await rig.send(seqs: 1...1)
            try await rig.eventually { $0.results.count == 1 }
            try await rig.onLoop { state in
                #expect(state.results[1] == "bad_upstream_answer")
                #expect(state.book.count("limit max_link_frame_bytes") == 1)
            }
        }
    }

    @Test("a probe with an answer beyond the limit has failed")
    func probes() async throws {
        var limits = Limits()
        limits.maxLinkFrameBytes = 1_000
        try await HTTPRig.with(connections: 1, limits: limits) {
            switch $0.body {
            case "none": .sendThenClose("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
            case "long": .ok(String(repeating: "x", count: 1_001))
            default: .ok("y")
            }
        } _: { rig, server in
            let port = server.port
            try await rig.onLoop { state in
                var snapshot = try HTTPRig.snapshot(ports: [port], connections: 1)
                snapshot.services[0].breaker = BreakerSettings(
                    minimumRequests: 1, openMilliseconds: 20, probes: 1)
                state.upstream.adopt(snapshot)
            }
            try await rig.send(seqs: 1...1, payload: "none")
            try await rig.eventually { $0.results[1] == "bad_upstream_answer" }
            try await rig.sendUntilTaken(seqs: 2...2, payload: "long")
            try await rig.eventually { $0.results[2] == "bad_upstream_answer" }
            try await rig.sendUntilTaken(seqs: 3...3)
            try await rig.eventually { $0.results[3] == "0 y" }
            try await rig.onLoop { state in
                let states = state.events.compactMap {
                    if case .breaker(_, "", let state) = $0 { state } else { nil }
                }
                #expect(states == [.open, .halfOpen, .open, .halfOpen, .closed])
            }
        }
    }

    @Test("a probe that gets no connection makes room for another")
    func probeOverloaded() async throws {
        var limits = Limits()
        limits.maxHTTPWaiting = 2
        try await HTTPRig.with(connections: 1, limits: limits) {
            $0.body == "none"
                ? .sendThenClose("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n") : .ok("y")
        } _: { rig, server in
            let port = server.port
            try await rig.onLoop { state in
                var snapshot = try HTTPRig.snapshot(ports: [port], connections: 1)
                snapshot.services[0].breaker = BreakerSettings(
                    minimumRequests: 1, openMilliseconds: 20, probes: 3)
                state.upstream.adopt(snapshot)
            }
            try await rig.send(seqs: 1...1, payload: "none")
            try await rig.eventually { $0.results[1] == "bad_upstream_answer" }
            // Three in one turn, where the one connection and two who wait for it are too few.
            try await rig.sendUntilTaken(seqs: 2...4)
            try await rig.eventually { $0.results.count == 4 }
            try await rig.onLoop { state in
                #expect((2...4).filter { state.results[$0] == "overloaded" }.count == 1)
            }
            try await rig.sendUntilTaken(seqs: 5...5)
            try await rig.eventually { $0.results[5] == "0 y" }
            try await rig.onLoop { state in
                let closed = UpstreamEvent.breaker(service: "s", instance: "", state: .closed)
                #expect(state.events.last == closed)
            }
        }
    }

    @Test("an instance that is not there goes down, and comes back by itself")
    func downAndUp() async throws {
        try await HTTPRig.with { _ in
            .ok("y")
        } _: { rig, server in
            let port = server.port
            try await rig.send(seqs: 1...1)
            try await rig.eventually { $0.results.count == 1 }
            try await server.stop()
            try await rig.waitUntil { server.open.withLock { $0 } == 0 }
            try await rig.send("twice", seqs: 2...2)
            try await rig.eventually { $0.results[2] == "service_unavailable" }
            try await rig.eventually { state in
                state.events.contains {
                    if case .down(_, _, .connectFailed, _, _) = $0 { true } else { false }
                }
            }
            let again = RawServer { _ in .ok("back") }
            try await again.start(on: rig.group, port: port)
            try await rig.eventually { $0.upstream.states.map(\.state) == [.ready] }
            try await rig.send(seqs: 3...3)
            try await rig.eventually { $0.results[3] == "0 back" }
            let instance = "127.0.0.1:\(port)"
            try await rig.onLoop { state in
                #expect(
                    state.events == [
                        .up(service: "s", instance: instance),
                        .down(
                            service: "s", instance: instance, reason: .connectFailed, lostCalls: 1),
                        .up(service: "s", instance: instance),
                    ])
            }
            try await again.stop()
        }
    }

    @Test("an instance that leaves the configuration finishes its calls and is gone")
    func removed() async throws {
        try await HTTPRig.with { _ in
            .nothing
        } _: { rig, server in
            try await rig.send(seqs: 1...1)
            try await rig.waitUntil { server.seen.count == 1 }
            let other = RawServer { _ in .ok("other") }
            try await other.start(on: rig.group)
            let port = other.port
            try await rig.onLoop { state in
                state.upstream.adopt(try HTTPRig.snapshot(ports: [port], connections: 2))
                #expect(state.upstream.states.map(\.state) == [.ready, .draining])
            }
            try await rig.send(seqs: 2...2)
            try await rig.eventually { $0.results[2] == "0 other" }
            server.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold", on: 0)
            try await rig.eventually { $0.results[1] == "0 old" }
            try await rig.eventually { $0.upstream.states.map(\.state) == [.ready] }
            try await rig.waitUntil { server.open.withLock { $0 } == 0 }
            try await rig.onLoop { $0.upstream.stop() }
            try await other.stop()
        }
    }

    @Test("idle connections are let go, sooner where the instance says so")
    func idle() async throws {
        var limits = Limits()
        limits.httpIdleTimeoutMilliseconds = 50
        try await HTTPRig.with(limits: limits) { _ in
            .ok("y")
        } _: { rig, server in
            try await rig.send(seqs: 1...1)
            try await rig.eventually { $0.results.count == 1 }
            try await rig.waitUntil { server.open.withLock { $0 } == 0 }
        }
    }
}
