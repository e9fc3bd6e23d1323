import NIOCore
import NIOEmbedded
import SluiceFraming
import SluicePolicy
import SluiceTestSupport
import SluiceUpstream
import SluiceVocabulary
import Testing

/// Random walks through everything that can happen to calls, held against a plain dictionary.
@Suite struct PendingPropertyTests {
    private struct Asked {
        var instance: Int
        let frame: LinkFrame
        let requester: Int
        let startedMilliseconds: Int64
        let isRetrySafe: Bool
        var attempts = 1
    }

    /// What the model knows beside the rig.
    private struct Model {
        /// Calls whose caller waits, by seq.
        var waiting: [UInt64: Asked] = [:]
        /// Calls that ended without an answer, which may come late.
        var given: [Asked] = []
        var expected: [UInt64: String] = [:]
        var nextSeq: UInt64 = 1
        var nowMilliseconds: Int64 = 0
        var retried = 0
    }

    @Test(
        "every call ends exactly once and as it should, whatever happens",
        arguments: 0..<20 as Range<UInt64>)
    func walk(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let rig = try Rig(instances: 2)
        var model = Model()
        for _ in 0..<600 {
            try step(rig, &model, &random)
            #expect(rig.upstream.pendingCalls == model.waiting.count, "seed \(seed)")
            #expect(rig.results.count == model.expected.count, "seed \(seed)")
        }
        rig.advance(milliseconds: 2_000)
        for seq in model.waiting.keys { model.expected[seq] = "timed_out" }
        for (context, result) in rig.results {
            #expect(
                model.expected.removeValue(forKey: context.seq) == Rig.text(result.outcome),
                "seed \(seed), seq \(context.seq)")
        }
        #expect(model.expected.isEmpty, "seed \(seed)")
        #expect(
            rig.book.count("s retried connection_lost") == UInt64(model.retried), "seed \(seed)")
        #expect(rig.upstream.pendingCalls == 0)
    }

    private func step(_ rig: Rig, _ model: inout Model, _ random: inout SeededRandom) throws {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<45: try ask(rig, &model, &random)
        case 45..<75:
            guard let (seq, asked) = model.waiting.randomElement(using: &random) else { return }
            try rig.instances[asked.instance].reply(to: asked.frame, payload: "to \(seq)")
            model.waiting[seq] = nil
            model.expected[seq] = "0 to \(seq)"
        case 75..<85:
            guard let late = model.given.randomElement(using: &random) else { return }
            try rig.instances[late.instance].reply(to: late.frame, payload: "late")
            model.given.removeAll { $0.frame.stream == late.frame.stream }
        case 85..<90: cancel(rig, &model, &random)
        case 90..<98: pass(Int64.random(in: 1...300, using: &random), rig, &model)
        default: try lose(Int.random(in: 0..<2, using: &random), rig, &model)
        }
    }

    private func ask(_ rig: Rig, _ model: inout Model, _ random: inout SeededRandom) throws {
        let seq = model.nextSeq
        model.nextSeq += 1
        let requester = Int.random(in: 0..<5, using: &random)
        let isReachable = rig.upstream.states.contains { $0.state == .ready }
        let isRetrySafe = Bool.random(using: &random)
        let dispatch = try rig.send(
            isRetrySafe ? "free" : "once", requester: requester, seq: seq)
        #expect(
            dispatch == (isReachable ? .sent(isCongested: false) : .refused(.serviceUnavailable)))
        guard isReachable else { return }
        for (place, instance) in rig.instances.enumerated() {
            for frame in try instance.calls() {
                model.waiting[seq] = Asked(
                    instance: place, frame: frame, requester: requester,
                    startedMilliseconds: model.nowMilliseconds, isRetrySafe: isRetrySafe)
            }
        }
        #expect(model.waiting[seq] != nil)
    }

    private func cancel(_ rig: Rig, _ model: inout Model, _ random: inout SeededRandom) {
        let requester = Int.random(in: 0..<5, using: &random)
        rig.upstream.cancel(requester: ConnectionID(loop: 0, slot: requester, generation: 1))
        for (seq, asked) in model.waiting where asked.requester == requester {
            model.waiting[seq] = nil
            model.given.append(asked)
        }
        rig.loop.run()
    }

    /// Whole steps of the wheel are 8.4 ms: nothing ends early, nothing more than a step late.
    private func pass(_ milliseconds: Int64, _ rig: Rig, _ model: inout Model) {
        rig.advance(milliseconds: milliseconds)
        model.nowMilliseconds += milliseconds
        let timedOut = Set(rig.results.map(\.context.seq)).subtracting(model.expected.keys)
        for (seq, asked) in model.waiting {
            let age = model.nowMilliseconds - asked.startedMilliseconds
            if timedOut.contains(seq) {
                #expect(age >= 1_000)
                model.waiting[seq] = nil
                model.given.append(asked)
                model.expected[seq] = "timed_out"
            } else {
                #expect(age < 1_009)
            }
        }
    }

    /// What may be sent again goes to the other instance if that can be reached, under the same id.
    private func lose(_ place: Int, _ rig: Rig, _ model: inout Model) throws {
        if rig.instances[place].channel.isActive {
            rig.instances[place].channel.close(promise: nil)
            rig.loop.run()
        }
        let moved = Set(try rig.instances[1 - place].calls().map(\.stream))
        for (seq, asked) in model.waiting where asked.instance == place {
            if moved.contains(asked.frame.stream) {
                #expect(asked.isRetrySafe && asked.attempts == 1)
                model.waiting[seq]?.instance = 1 - place
                model.waiting[seq]?.attempts = 2
                model.retried += 1
            } else {
                model.waiting[seq] = nil
                model.expected[seq] = "service_unavailable"
            }
        }
        model.given.removeAll { $0.instance == place }
        pass(50, rig, &model)
        rig.greet()
    }
}
