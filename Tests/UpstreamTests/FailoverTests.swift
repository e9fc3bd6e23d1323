import NIOCore
import NIOEmbedded
import SluiceFraming
import SluiceTestSupport
import SluiceUpstream
import SluiceVocabulary
import Testing

/// Retries, ejection and breakers through the whole of an `Upstream`.
@Suite struct FailoverTests {
    /// Which instance has been asked since the last question, and what.
    private func asked(_ rig: Rig) throws -> (instance: Int, frames: [LinkFrame])? {
        for (place, instance) in rig.instances.enumerated() where instance.channel.isActive {
            let frames = try instance.calls()
            if !frames.isEmpty { return (place, frames) }
        }
        return nil
    }

    private func close(_ place: Int, _ rig: Rig) {
        rig.instances[place].isDown = true
        rig.instances[place].channel.close(promise: nil)
        rig.loop.run()
    }

    @Test("a retry_safe call whose instance dies is answered by another, in the second attempt")
    func lostRetried() throws {
        let rig = try Rig(instances: 3)
        try rig.send("free", seq: 1)
        let first = try #require(try asked(rig))
        close(first.instance, rig)
        let second = try #require(try asked(rig))
        #expect(second.instance != first.instance)
        #expect(rig.results.isEmpty)
        try rig.instances[second.instance].reply(to: second.frames[0])
        #expect(rig.outcome(of: 1) == "0 ok")
        #expect(rig.results[0].result.attempts == 2)
        #expect(rig.book.count("s retried connection_lost") == 1)
        #expect(rig.book.count("s service_unavailable") == 0)
        #expect(rig.upstream.pendingCalls == 0)
    }

    @Test("what is sent again is the same request with the time that is left")
    func sameRequest() throws {
        let rig = try Rig(instances: 2)
        try rig.send("free", seq: 1, payload: "precious")
        let first = try #require(try asked(rig))
        rig.advance(milliseconds: 400)
        close(first.instance, rig)
        let second = try #require(try asked(rig))
        let request = envelope(cmd: 101, payload: "precious") + rig.stamp
        #expect(
            second.frames[0].body.getBytes(
                at: second.frames[0].body.readerIndex, length: request.count) == request)
    }

    @Test("a call that is not retry_safe is not sent twice: 503")
    func notSafe() throws {
        let rig = try Rig(instances: 2)
        try rig.send("once", seq: 1)
        let first = try #require(try asked(rig))
        close(first.instance, rig)
        #expect(rig.outcome(of: 1) == "service_unavailable")
        #expect(try asked(rig) == nil)
    }

    @Test("a call of which nothing was sent goes elsewhere, whatever its command")
    func unsent() throws {
        let rig = try Rig(instances: 2)
        for instance in rig.instances { instance.channel.setWritable(false) }
        for seq in 1...2 { try rig.send("once", seq: UInt64(seq)) }
        // One frame may wait in each channel; the rest stays with the links.
        #expect(rig.results.isEmpty)
        close(0, rig)
        #expect(rig.results.isEmpty)
        rig.instances[1].channel.setWritable(true)
        rig.loop.run()
        let calls = try rig.instances[1].calls()
        #expect(calls.count == 2)
        for call in calls { try rig.instances[1].reply(to: call) }
        #expect(rig.outcome(of: 1) == "0 ok" && rig.outcome(of: 2) == "0 ok")
        #expect(rig.results.allSatisfy { $0.result.attempts == 1 })
        #expect(rig.book.count("s retried unsent") == 1)
    }

    @Test("calls that are sent again keep their order")
    func order() throws {
        let rig = try Rig(instances: 2)
        for seq in 1...40 { try rig.send("free", seq: UInt64(seq), payload: "\(seq)") }
        _ = try rig.instances.map { try $0.calls() }
        close(0, rig)
        let payloads = try rig.instances[1].calls().map { frame in
            let view = try ProtobufEnvelope.scan(frame.body.readableBytesSpan)
            return Int(
                frame.body.getString(
                    at: frame.body.readerIndex + Int(view.payload.start),
                    length: Int(view.payload.count)) ?? "") ?? 0
        }
        #expect(payloads.count == 20)
        #expect(payloads == payloads.sorted())
    }

    @Test("the second loss is the end where two attempts are allowed")
    func attempts() throws {
        let rig = try Rig(instances: 3)
        try rig.send("free", seq: 1)
        for _ in 0..<2 { close(try #require(try asked(rig)).instance, rig) }
        #expect(rig.outcome(of: 1) == "service_unavailable")
        #expect(rig.results[0].result.attempts == 2)
    }

    @Test("one attempt means no retry, and nothing is kept for one")
    func noRetry() throws {
        let rig = try Rig(instances: 2) { $0.retry = RetrySettings(attempts: 1) }
        try rig.send("free", seq: 1)
        close(try #require(try asked(rig)).instance, rig)
        #expect(rig.outcome(of: 1) == "service_unavailable")
    }

    @Test("no retries without a budget, and the journal's counter says so")
    func budget() throws {
        let rig = try Rig(instances: 2) { $0.retry = RetrySettings(budget: 0) }
        try rig.send("free", seq: 1)
        close(try #require(try asked(rig)).instance, rig)
        #expect(rig.outcome(of: 1) == "service_unavailable")
        #expect(rig.book.count("limit retry_budget") == 1)
    }

    @Test("a try that takes too long asks another instance; the late answer reaches nobody")
    func perTryTimeout() throws {
        let rig = try Rig(instances: 2) { $0.retry = RetrySettings(perTryTimeoutMilliseconds: 200) }
        try rig.send("free", seq: 1)
        let first = try #require(try asked(rig))
        rig.advance(milliseconds: 220)
        let second = try #require(try asked(rig))
        #expect(second.instance != first.instance)
        #expect(second.frames[0].stream != first.frames[0].stream)
        try rig.instances[first.instance].reply(to: first.frames[0], payload: "late")
        #expect(rig.results.isEmpty)
        // The last try has all the time that is left.
        rig.advance(milliseconds: 700)
        #expect(rig.results.isEmpty)
        try rig.instances[second.instance].reply(to: second.frames[0], payload: "in time")
        #expect(rig.outcome(of: 1) == "0 in time")
        #expect(rig.book.count("s retried per_try_timeout") == 1)
    }

    @Test("a client that leaves after a retry leaves nothing behind")
    func cancelAfterRetry() throws {
        let rig = try Rig(instances: 2) { $0.retry = RetrySettings(perTryTimeoutMilliseconds: 200) }
        try rig.send("free", requester: 3, seq: 1)
        rig.advance(milliseconds: 220)
        let ended = rig.upstream.cancel(
            requester: ConnectionID(loop: 0, slot: 3, generation: 1))
        #expect(ended.map(\.seq) == [1])
        #expect(rig.upstream.pendingCalls == 0)
        #expect(rig.upstream.states.allSatisfy { $0.inFlight == 0 })
    }

    @Test("an ordered call is not moved while its instance lives")
    func orderedStays() throws {
        let rig = try Rig(instances: 2) { $0.retry = RetrySettings(perTryTimeoutMilliseconds: 200) }
        try rig.send("ordered", seq: 1)
        _ = try asked(rig)
        rig.advance(milliseconds: 900)
        #expect(try asked(rig) == nil)
        rig.advance(milliseconds: 110)
        #expect(rig.outcome(of: 1) == "timed_out")
    }

    @Test("an answer that is none is asked of another instance")
    func badAnswer() throws {
        let rig = try Rig(instances: 2)
        try rig.send("free", seq: 1)
        let first = try #require(try asked(rig))
        try rig.instances[first.instance].say(.reply, stream: first.frames[0].stream, [0xFF, 0xFF])
        rig.loop.run()
        let second = try #require(try asked(rig))
        #expect(second.instance != first.instance)
        try rig.instances[second.instance].reply(to: second.frames[0])
        #expect(rig.outcome(of: 1) == "0 ok")
    }

    /// Lets calls to one instance time out until it is ejected.
    private func hang(_ place: Int, _ rig: Rig) throws {
        for seq in 1_000...1_030 as ClosedRange<UInt64> {
            try rig.send("once", seq: seq)
            let asked = try #require(try asked(rig))
            if asked.instance != place {
                try rig.instances[asked.instance].reply(to: asked.frames[0])
            }
        }
        rig.advance(milliseconds: 1_010)
    }

    @Test("an instance that never answers is ejected, comes back, and is out longer next time")
    func ejection() throws {
        let rig = try Rig(instances: 3) {
            $0.health.outliers = OutlierSettings(
                consecutiveErrors: 5, intervalMilliseconds: 600_000, ejectionMilliseconds: 3_000)
        }
        try hang(1, rig)
        let ejected = UpstreamEvent.ejected(
            service: "s", instance: "127.0.0.1:9001", reason: .consecutiveErrors,
            milliseconds: 3_000)
        #expect(rig.events.filter { $0 == ejected }.count == 1)
        #expect(rig.book.count("s ejected consecutive_errors") == 1)
        #expect(rig.book.gauges["s ejected"]?.value == 1)
        for seq in 1...20 {
            try rig.send("once", seq: UInt64(seq))
            #expect(try #require(try asked(rig)).instance != 1)
        }
        rig.advance(milliseconds: 3_000)
        #expect(rig.events.last == .returned(service: "s", instance: "127.0.0.1:9001"))
        try hang(1, rig)
        #expect(
            rig.events.contains(
                .ejected(
                    service: "s", instance: "127.0.0.1:9001", reason: .consecutiveErrors,
                    milliseconds: 6_000)))
    }

    @Test("no more than a share is ejected: the rest keeps its calls")
    func share() throws {
        let rig = try Rig(instances: 2)
        for seq in 1...40 { try rig.send("once", seq: UInt64(seq)) }
        rig.advance(milliseconds: 1_010)
        #expect(rig.upstream.states.filter { $0.health == .ejected }.count == 1)
        #expect(try rig.send("once", seq: 99) == .sent(isCongested: false))
    }

    @Test("with too few left an ejected instance is used all the same")
    func panic() throws {
        let rig = try Rig(instances: 2)
        try hang(0, rig)
        #expect(rig.upstream.states[0].health == .ejected)
        close(1, rig)
        #expect(rig.events.contains(.panic(service: "s", isOn: true)))
        #expect(try rig.send("once", seq: 1) == .sent(isCongested: false))
        #expect(try asked(rig)?.instance == 0)
    }

    @Test("an open breaker refuses at once, then probes, then closes")
    func breaker() throws {
        let rig = try Rig(instances: 1) {
            $0.breaker = BreakerSettings(
                minimumRequests: 5, openMilliseconds: 2_000, probes: 1)
        }
        for seq in 1...5 { try rig.send("once", seq: UInt64(seq)) }
        rig.advance(milliseconds: 1_010)
        #expect(rig.events.last == .breaker(service: "s", instance: "", state: .open))
        #expect(rig.book.gauges["s breaker"]?.value == 2)
        #expect(try rig.send("once", seq: 6) == .refused(.serviceUnavailable))
        _ = try rig.instances[0].calls()
        rig.advance(milliseconds: 2_000)
        #expect(try rig.send("once", seq: 7) == .sent(isCongested: false))
        #expect(try rig.send("once", seq: 8) == .refused(.serviceUnavailable))
        try rig.instances[0].reply(to: try #require(try asked(rig)).frames[0])
        #expect(rig.events.last == .breaker(service: "s", instance: "", state: .closed))
        #expect(rig.book.gauges["s breaker"]?.value == 0)
    }

    @Test("pings that are not answered take an instance out, answers bring it back")
    func ping() throws {
        let rig = try Rig(instances: 2) {
            $0.health.check = CheckSettings(
                kind: .ping, intervalMilliseconds: 1_000, timeoutMilliseconds: 100,
                unhealthyAfter: 2, healthyAfter: 1)
        }
        func beat(answering: Set<Int>) throws {
            for _ in 0..<12 {
                rig.advance(milliseconds: 100)
                for (place, instance) in rig.instances.enumerated() {
                    for frame in try instance.frames()
                    where frame.kind == .ping && answering.contains(place) {
                        try instance.say(
                            .ping, flags: LinkFlags.answer, stream: 0,
                            Array(frame.body.readableBytesView))
                    }
                }
            }
        }
        for _ in 0..<3 { try beat(answering: [0, 1]) }
        #expect(rig.upstream.states.allSatisfy { $0.health == .ready })
        for _ in 0..<4 { try beat(answering: [1]) }
        #expect(rig.upstream.states.map(\.health) == [.unhealthy, .ready])
        for _ in 0..<3 { try beat(answering: [0, 1]) }
        #expect(rig.upstream.states.allSatisfy { $0.health == .ready })
        rig.upstream.stop()
    }
}
