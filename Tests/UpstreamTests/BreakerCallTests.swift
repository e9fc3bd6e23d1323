import NIOCore
import NIOEmbedded
import SluiceFraming
import SluiceTestSupport
import SluiceUpstream
import SluiceVocabulary
import Testing

/// Breakers through the whole of an `Upstream`: which calls they hear.
@Suite struct BreakerCallTests {
    private let open = UpstreamEvent.breaker(service: "s", instance: "", state: .open)
    private let halfOpen = UpstreamEvent.breaker(service: "s", instance: "", state: .halfOpen)
    private let closed = UpstreamEvent.breaker(service: "s", instance: "", state: .closed)

    private func rig() throws -> Rig {
        try Rig {
            $0.breaker = BreakerSettings(minimumRequests: 5, openMilliseconds: 200, probes: 1)
        }
    }

    private func sayNonsense(_ call: LinkFrame, _ instance: FakeInstance) throws {
        try instance.say(.reply, stream: call.stream, [0xFF, 0xFF])
    }

    /// Sends calls until the breaker opens, with some left without an answer.
    private func trip(_ rig: Rig, leaving left: Int) throws -> [LinkFrame] {
        for seq in 1...(5 + left) {
            try rig.send("once", requester: seq, seq: UInt64(seq))
        }
        let calls = try rig.instances[0].calls()
        for call in calls.suffix(5) { try sayNonsense(call, rig.instances[0]) }
        #expect(rig.events.last == open)
        return Array(calls.prefix(left))
    }

    @Test("an answer to a call from before it opened is no probe's")
    func olderAnswer() throws {
        let rig = try rig()
        let old = try trip(rig, leaving: 3)
        rig.advance(milliseconds: 200)
        try rig.send("once", seq: 20)
        let probe = try #require(try rig.instances[0].calls().first)
        #expect(rig.events.last == halfOpen)
        try rig.instances[0].reply(to: old[0])
        #expect(rig.outcome(of: 1) == "0 ok", "its caller has it")
        try sayNonsense(old[1], rig.instances[0])
        rig.upstream.cancel(requester: ConnectionID(loop: 0, slot: 3, generation: 1))
        #expect(rig.events.last == halfOpen, "and the breaker heard none of the three")
        #expect(try rig.send("once", seq: 21) == .refused(.serviceUnavailable))
        try rig.instances[0].reply(to: probe)
        #expect(rig.events.last == closed)
    }

    @Test("deadlines of calls from before it opened do not open it again")
    func olderDeadlines() throws {
        let rig = try rig()
        _ = try trip(rig, leaving: 10)
        rig.advance(milliseconds: 200)
        try rig.send("once", seq: 20)
        try rig.instances[0].reply(to: try #require(try rig.instances[0].calls().first))
        #expect(rig.events.last == closed)
        rig.advance(milliseconds: 810)
        #expect(rig.outcome(of: 1) == "timed_out" && rig.outcome(of: 10) == "timed_out")
        #expect(rig.events.last == closed)
    }

    @Test("an instance that fails its probe but may not be ejected is probed again")
    func keptInstance() throws {
        let rig = try Rig(instances: 2) {
            $0.breaker = BreakerSettings(
                failureRate: 0.6, minimumRequests: 6, openMilliseconds: 100, probes: 1)
            $0.health.outliers = OutlierSettings(consecutiveErrors: 3)
        }
        var seq: UInt64 = 0
        /// One call to this instance; the other one answers well meanwhile.
        func ask(_ place: Int, isWell: Bool) throws {
            for _ in 0..<3 {
                seq += 1
                try rig.send("once", seq: seq)
                for (other, instance) in rig.instances.enumerated() {
                    guard let call = try instance.calls().first else { continue }
                    let answersWell = other != place || isWell
                    if answersWell {
                        try instance.reply(to: call)
                    } else {
                        try sayNonsense(call, instance)
                    }
                    if other == place { return }
                }
            }
            Issue.record("instance \(place) gets no calls")
        }
        func state(_ place: Int) -> InstanceState { rig.upstream.states[place].health }
        for isWell in [false, false, true, false, false, true, false] {
            try ask(0, isWell: isWell)
        }
        #expect(state(0) == .ejected)
        rig.advance(milliseconds: 100)
        #expect(state(0) == .ready, "half-open")
        // The probe has no answer yet when the other one is ejected.
        var probe: LinkFrame?
        for _ in 0..<2 where probe == nil {
            seq += 1
            try rig.send("once", seq: seq)
            probe = try rig.instances[0].calls().first
            for call in try rig.instances[1].calls() { try rig.instances[1].reply(to: call) }
        }
        #expect(probe != nil, "it gets no probe")
        for _ in 0..<3 { try ask(1, isWell: false) }
        #expect(state(1) == .ejected)
        try sayNonsense(try #require(probe), rig.instances[0])
        #expect(state(0) == .ready, "one of two may be out, and is")
        #expect(!rig.events.contains(open))
        #expect(try rig.send("once", seq: 1_000) == .sent(isCongested: false))
        try rig.instances[0].reply(to: try #require(try rig.instances[0].calls().first))
        let told = UpstreamEvent.breaker(service: "s", instance: "127.0.0.1:9000", state: .closed)
        #expect(rig.events.last == told)
    }
}
