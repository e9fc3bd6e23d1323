import SluicePolicy
import SluiceVocabulary

/// A gateway's policy on a clock that moves only when it is told to: the real evaluator, one loop.
final class PolicySimulation {
    private let evaluator: PolicyEvaluator
    private let start: WallTime
    private var now: Int64 = 0
    private var subjects: [Connection: PolicySubject] = [:]
    /// Places held by calls under way, the next to come free last.
    private var held: [(until: Int64, lease: Lease)] = []

    /// A connection keeps its transport: what is constant on it is decided once.
    private struct Connection: Hashable {
        let caller: Caller
        let transport: Transport
    }

    /// - Parameter start: the wall clock at 0.
    init(_ snapshot: PolicySnapshot, start: WallTime, meters: PolicyMeters) {
        evaluator = PolicyEvaluator(snapshot: snapshot, meters: meters)
        self.start = start
    }

    /// The set in force.
    var snapshot: PolicySnapshot { evaluator.snapshot }

    /// Moves both clocks on; places come free on the way.
    func advance(to nanoseconds: Int64) {
        while let next = held.last, next.until <= nanoseconds {
            held.removeLast()
            evaluator.release(next.lease)
        }
        now = nanoseconds
    }

    /// Another set takes over, as a reload does it.
    func reload(_ source: PolicySource) {
        evaluator.adopt(source.fresh(previous: evaluator.snapshot))
    }

    /// Decides a call now.
    ///
    /// - Parameter holdNanoseconds: how long it is under way once it goes on.
    func decide(_ description: CallDescription, holdNanoseconds: Int64 = 0) -> CallOutcome {
        let call = description.call(evaluator.snapshot, wall: wall)
        let subject = subject(of: description)
        let time = MonotonicTime(nanoseconds: now)
        let verdict =
            description.meetsLimitsAlone
            ? evaluator.limitOnly(call, for: subject, now: time)
            : evaluator.decide(call, for: subject, now: time)
        switch verdict {
        case .go(let permit): hold(permit.lease, until: now + holdNanoseconds)
        case .wait(let permit, let wait): hold(permit.lease, until: now + wait + holdNanoseconds)
        case .pause, .refuse, .drop, .close: break
        }
        return CallOutcome(verdict)
    }

    /// What `decide` would say, and why. Changes nothing.
    func explain(_ description: CallDescription) -> PolicyTrace {
        evaluator.explain(
            description.call(evaluator.snapshot, wall: wall), for: subject(of: description),
            now: MonotonicTime(nanoseconds: now), limitsOnly: description.meetsLimitsAlone)
    }

    private var wall: WallTime { WallTime(microseconds: start.microseconds + now / 1_000) }

    private func subject(of description: CallDescription) -> PolicySubject {
        let connection = Connection(
            caller: description.caller, transport: description.transport)
        if let known = subjects[connection] { return known }
        let fresh = description.caller.subject()
        subjects[connection] = fresh
        return fresh
    }

    private func hold(_ lease: Lease, until: Int64) {
        if lease.isNone { return }
        if until <= now { return evaluator.release(lease) }
        let place = held.firstIndex { $0.until < until } ?? held.endIndex
        held.insert((until, lease), at: place)
    }
}

extension PolicyMeters {
    /// Counters nobody reads.
    static var discarding: Self {
        Self(
            permission: { _, _ in Counter() }, limit: { _, _ in Counter() },
            ban: { _ in Counter() })
    }
}
