import SluicePolicy
import SluiceVocabulary

/// Plays a walk to engine and reference at once, and says where they part.
final class Replay {
    private(set) var snapshot: PolicySnapshot
    private(set) var reference: ReferencePolicy
    private(set) var callers: [Caller]
    private let counts = Counts()
    private let evaluators: [PolicyEvaluator]
    private var connections: [[PolicySubject]]
    /// Places that calls hold, by the number of the call; and on which loop.
    private var leases: [Int: (lease: Lease, evaluator: Int)] = [:]

    static let catalog = ActionCatalog(commands: RandomCalls.actions)

    init(_ walk: Walk) {
        snapshot = Self.snapshot(walk.model, nil)
        reference = ReferencePolicy(walk.model)
        callers = walk.callers
        let snapshot = snapshot
        let meters = counts.meters
        evaluators = (0..<2).map { _ in PolicyEvaluator(snapshot: snapshot, meters: meters) }
        connections = walk.callers.map { caller in
            (0..<2).map { _ in
                PolicySubject(
                    address: caller.address, principal: caller.principal, session: caller.session,
                    device: caller.device)
            }
        }
    }

    private static func snapshot(
        _ model: PolicyModel, _ previous: PolicySnapshot?
    ) -> PolicySnapshot {
        PolicySnapshot(model: model, revision: "test", catalog: catalog, previous: previous)
    }

    /// Calls that hold places.
    var underWay: [Int] { Array(leases.keys) }

    /// Performs one step. Nil when engine and reference agree; else what each says.
    func perform(_ number: Int, _ operation: Operation) -> (String?, ReferenceAnswer?) {
        switch operation {
        case .call(let connection, let evaluator, let call, let now, let limitsOnly):
            return self.call(number, connection, evaluator, call, now, limitsOnly)
        case .release(let call):
            guard let held = leases.removeValue(forKey: call) else { break }
            evaluators[held.evaluator].release(held.lease)
            reference.release(call: call)
        case .identify(let connection, var caller):
            caller.address = callers[connection].address
            caller.transport = callers[connection].transport
            callers[connection] = caller
            for subject in connections[connection] {
                subject.identify(
                    principal: caller.principal, session: caller.session, device: caller.device)
            }
        case .reload(let model):
            snapshot = Self.snapshot(model, snapshot)
            for evaluator in evaluators { evaluator.adopt(snapshot) }
            reference.adopt(model)
        case .forget(let now, let wall):
            _ = snapshot.forgetFullBuckets(now: at(now), wall: WallTime(microseconds: wall))
        }
        return (nil, nil)
    }

    private func call(
        _ number: Int, _ connection: Int, _ loop: Int, _ sketch: CallSketch, _ now: Int64,
        _ limitsOnly: Bool
    ) -> (String?, ReferenceAnswer?) {
        let evaluator = evaluators[loop]
        let subject = connections[connection][loop]
        let call = policyCall(sketch)
        let facts = ReferenceFacts(caller: callers[connection], call: sketch)
        let isPermitted = evaluator.isPermitted(call, for: subject)
        if isPermitted != reference.isPermitted(facts) {
            return ("isPermitted says \(isPermitted)", nil)
        }
        // Explaining costs more than all the rest together.
        let trace =
            number % 5 == 0
            ? evaluator.explain(call, for: subject, now: at(now), limitsOnly: limitsOnly) : nil
        let verdict =
            limitsOnly
            ? evaluator.limitOnly(call, for: subject, now: at(now))
            : evaluator.decide(call, for: subject, now: at(now))
        switch verdict {
        case .go(let permit), .wait(let permit, _):
            if !permit.lease.isNone { leases[number] = (permit.lease, loop) }
        case .pause, .refuse, .drop, .close: break
        }
        let expected = reference.decide(facts, call: number, now: now, limitsOnly: limitsOnly)
        let answer = ReferenceAnswer(verdict)
        if answer != expected { return ("engine \(answer)\nreference \(expected)", expected) }
        if let trace, let problem = difference(trace, verdict) { return (problem, expected) }
        return (nil, expected)
    }

    private func policyCall(_ sketch: CallSketch) -> PolicyCall {
        PolicyCall(
            action: Self.catalog.action(named: sketch.action) ?? .unknown, bytes: sketch.bytes,
            transport: sketch.transport, wall: WallTime(microseconds: sketch.wall),
            topic: sketch.topic, loginUser: sketch.loginUser, method: sketch.method,
            headers: snapshot.headerNames.map { sketch.headers[$0] })
    }

    /// Nil when the counters of all rules and decisions agree.
    func countersDiffer() -> String? {
        let engine = counts.values
        if engine == reference.counts { return nil }
        let names = Set(engine.keys).union(reference.counts.keys).sorted().filter {
            engine[$0] != reference.counts[$0]
        }
        return names.map {
            "\($0): engine \(engine[$0] ?? 0), reference \(reference.counts[$0] ?? 0)"
        }.joined(separator: "\n")
    }

    /// Gives back all places. Nil when the engine then knows of none.
    func leak() -> String? {
        for (call, held) in leases {
            evaluators[held.evaluator].release(held.lease)
            reference.release(call: call)
        }
        leases = [:]
        let held = evaluators.map(\.heldLeases)
        return held.allSatisfy { $0 == 0 } ? nil : "leases held after all were released: \(held)"
    }
}
