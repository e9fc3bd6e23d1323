import SluicePolicy
import SluiceVocabulary

/// Runs tests. Each has buckets, connections and a clock of its own.
struct PolicyTestRun {
    let source: PolicySource
    /// Nil = nobody asks what the tests reach.
    let coverage: CoverageCount?

    /// Runs one test up to its first step that does not come out as expected.
    func run(_ test: PolicyTest) -> PolicyTestResult {
        let simulation = PolicySimulation(
            source.fresh(), start: test.start, meters: coverage?.meters ?? .discarding)
        for step in test.steps {
            simulation.advance(to: step.atNanoseconds)
            switch step.work {
            case .reload(let next): simulation.reload(next)
            case .send(let calls):
                let outcomes = send(calls, at: step.atNanoseconds, simulation)
                let misses = step.expectations.compactMap { $0.check(outcomes) }
                guard let first = misses.first else { continue }
                return PolicyTestResult(
                    test: test, step: step.number, misses: misses, call: first.call + 1,
                    calls: calls.times, trace: trace(test, step: step, call: first.call))
            }
        }
        return PolicyTestResult(test: test)
    }

    private func send(
        _ calls: PolicyTestCalls, at start: Int64, _ simulation: PolicySimulation
    ) -> [CallOutcome] {
        (0..<calls.times).map { number in
            simulation.advance(to: start + Int64(number) * calls.everyNanoseconds)
            let call = calls.call(number)
            coverage?.add(simulation.explain(call))
            return simulation.decide(call, holdNanoseconds: calls.holdNanoseconds)
        }
    }

    /// Why a call was decided as it was: the test runs the same every time, so it is run again up to
    /// that call.
    private func trace(_ test: PolicyTest, step last: PolicyTestStep, call: Int) -> PolicyTrace? {
        let simulation = PolicySimulation(
            source.fresh(), start: test.start, meters: .discarding)
        for step in test.steps {
            simulation.advance(to: step.atNanoseconds)
            switch step.work {
            case .reload(let next): simulation.reload(next)
            case .send(let calls):
                let count = step.number == last.number ? call : calls.times
                for number in 0..<count {
                    simulation.advance(
                        to: step.atNanoseconds + Int64(number) * calls.everyNanoseconds)
                    _ = simulation.decide(
                        calls.call(number), holdNanoseconds: calls.holdNanoseconds)
                }
                if step.number == last.number {
                    simulation.advance(
                        to: step.atNanoseconds + Int64(count) * calls.everyNanoseconds)
                    return simulation.explain(calls.call(count))
                }
            }
        }
        return nil
    }
}

/// What came of one test.
struct PolicyTestResult {
    let test: PolicyTest
    /// The step that did not come out as expected; nil = all did.
    var step: Int?
    var misses: [ExpectationMiss] = []
    /// The call that differed first, counted from 1 within its step.
    var call = 0
    var calls = 0
    var trace: PolicyTrace?

    var isOK: Bool { misses.isEmpty }
}
