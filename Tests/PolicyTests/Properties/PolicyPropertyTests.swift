import Foundation
import SluicePolicy
import SluiceVocabulary
import Testing

/// Random policies and calls: the engine must say what the reference says, always.
///
/// SLUICE_TEST_SEED=n plays one seed alone; SLUICE_TEST_STEPS=n sets the steps of all seeds together;
/// SLUICE_TEST_SHRINK=0 does not look for the shortest walk to a difference.
@Suite("Engine and reference agree")
struct PolicyPropertyTests {
    /// Of all seeds together.
    static let steps: Int = {
        let text = ProcessInfo.processInfo.environment["SLUICE_TEST_STEPS"]
        return text.flatMap { Int($0) } ?? 2_000_000
    }()

    static let stepsPerWalk = 5_000

    static let seeds: [UInt64] = {
        if let text = ProcessInfo.processInfo.environment["SLUICE_TEST_SEED"] {
            return [UInt64(text) ?? 0]
        }
        return Array(1...39) + [UInt64.random(in: 1_000...UInt64(UInt32.max))]
    }()

    @Test(
        "same decision, rule, retry time, wait, remaining and counters, at every step",
        arguments: seeds)
    func agree(seed: UInt64) {
        for index in 0..<max(1, Self.steps / 40 / Self.stepsPerWalk) {
            var walk = RandomWalk(seed: seed &* 1_000 &+ UInt64(index))
            let first = walk.walk
            let replay = Replay(first)
            var steps = 0
            while steps < min(Self.stepsPerWalk, Self.steps / 40) {
                if let (step, problem) = walk.run(steps: 1_000, from: steps, on: replay) {
                    report(seed, step, problem, first, walk.walk.operations)
                    return
                }
                steps += 1_000
            }
            if let leak = replay.leak() { Issue.record("seed \(seed), walk \(index): \(leak)") }
        }
    }

    private func report(
        _ seed: UInt64, _ step: Int, _ problem: String, _ first: Walk,
        _ operations: [(number: Int, operation: Operation)]
    ) {
        var walk = first
        walk.operations = operations
        let shrinks = ProcessInfo.processInfo.environment["SLUICE_TEST_SHRINK"] != "0"
        let shrunk = shrinks ? walk.shrunk() : Walk(model: first.model, callers: [])
        Issue.record(
            """
            SLUICE_TEST_SEED=\(seed), step \(step): \(problem)
            In short:
            \(shrunk.text)
            \(shrunk.problem() ?? "")
            """)
    }
}
