import NIOCore
import NIOPosix
import SluiceFraming
import SluicePolicy
import SluiceTestSupport
import SluiceUpstream
import SluiceVocabulary
import Synchronization
import Testing

/// The same over real sockets: one loop, one service on loopback.
@Suite(.serialized) struct SocketTests {
    private func withSockets(
        _ body: (SocketRig) async throws -> Void
    ) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            try await body(SocketRig(group: group))
        } catch {
            try await group.shutdownGracefully()
            throw error
        }
        try await group.shutdownGracefully()
    }

    @Test("calls over a real socket are answered, out of order too")
    func answers() async throws {
        try await withSockets { rig in
            let service = try await EchoService.start(on: rig.group)
            try await rig.start(port: service.port)
            for round in 0..<5 as Range<UInt64> {
                try await rig.send(seqs: (round * 100 + 1)...(round * 100 + 100))
                let wanted = (Int(round) + 1) * 100
                try await rig.eventually { $0.results.count == wanted }
            }
            try await rig.onLoop { state in
                #expect(state.results.allSatisfy { $0.value == "0 echo \($0.key)" })
                #expect(state.upstream.pendingCalls == 0)
            }
            try await rig.stop()
            try await service.stop()
            try await rig.waitUntil { service.open.withLock { $0 } == 0 }
        }
    }

    @Test("a service killed mid-flight: 503 for what is pending, and calls again when it is back")
    func killed() async throws {
        try await withSockets { rig in
            let service = try await EchoService.start(on: rig.group, answers: false)
            try await rig.start(port: service.port)
            try await rig.send(seqs: 1...20)
            try await rig.waitUntil { service.calls.withLock { $0 } == 20 }
            try await service.stop()
            try await rig.eventually { $0.results.count == 20 }
            try await rig.onLoop { state in
                #expect(state.results.values.allSatisfy { $0 == "service_unavailable" })
                #expect(state.upstream.pendingCalls == 0)
            }
            let again = try await EchoService.start(on: rig.group, port: service.port)
            try await rig.eventually { $0.upstream.states.map(\.state) == [.ready] }
            try await rig.send(seqs: 21...21)
            try await rig.eventually { $0.results[21] == "0 echo 21" }
            try await rig.stop()
            try await again.stop()
        }
    }

    @Test("megabytes that a service reads late arrive whole, readers are paused and relieved")
    func backPressure() async throws {
        try await withSockets { rig in
            let service = try await EchoService.start(on: rig.group, readsAtOnce: false)
            try await rig.start(port: service.port)
            let payload = String(repeating: "x", count: 60_000)
            var seq: UInt64 = 0
            while try await !rig.onLoop({ $0.isCongested }) {
                seq += 1
                try await rig.send(seqs: seq...seq, payload: payload)
                try #require(seq < 2_000)
            }
            service.readAll()
            let sent = Int(seq)
            try await rig.eventually { $0.relieved > 0 && $0.results.count == sent }
            try await rig.stop()
            try await service.stop()
        }
    }

    @Test("a deadline passes on the real clock: 504")
    func deadline() async throws {
        try await withSockets { rig in
            let service = try await EchoService.start(on: rig.group, answers: false)
            try await rig.start(port: service.port, timeoutMilliseconds: 30)
            try await rig.send(seqs: 1...3)
            try await rig.eventually { $0.results.count == 3 }
            try await rig.onLoop { #expect($0.results.values.allSatisfy { $0 == "timed_out" }) }
            try await rig.stop()
            try await service.stop()
        }
    }
}
