import SluiceVocabulary

/// Makes plans for connections, for one snapshot on one loop.
///
/// Everything is found when it is first asked for, so that a loop adopts a snapshot of ten thousand
/// rules at once.
final class CallPlanner {
    private let snapshot: PolicySnapshot
    private let meters: PolicyMeters
    /// By limit; nil until a call meets it.
    private var lines: [LimitLine?]
    private var traitNumbers: [PrincipalTraits: Int32] = [:]
    private var permissions: [PermissionKey: ActionPermissions] = [:]
    private var verdicts: [PermissionEntry: PermissionVerdict] = [:]
    private let places: PlaceStack
    private let end = LimitChain()

    private struct PermissionKey: Hashable {
        let traits: Int32
        let action: Int32
    }

    /// Permissions kept per loop. Traits are bounded by what the policy names, but their
    /// combinations are many.
    private static let maxPermissions = 16_384

    init(_ snapshot: PolicySnapshot, places: PlaceStack, meters: PolicyMeters) {
        self.places = places
        self.snapshot = snapshot
        self.meters = meters
        lines = Array(repeating: nil, count: snapshot.limits.count)
    }

    /// Finds what calls of an action by this connection meet, and keeps it with the connection
    /// unless it is something a connection does once.
    func makePlan(_ action: Int, _ call: PolicyCall, for subject: PolicySubject, now: Int64)
        -> CallPlan
    {
        let facts = CallFacts(call: call, subject: subject, scope: snapshot.scope)
        var limits = end
        for index in snapshot.limitsByAction[action].reversed() {
            let line = line(Int(index))
            let bucket =
                line.isConstant
                ? line.bucket(of: facts.key(line.key), now: now, wall: call.wall.microseconds) : nil
            limits = LimitHold.make(
                line, bucket: bucket, variant: line.variant(for: facts), next: limits)
        }
        let (entry, conditional) = permissions(of: action, facts)
        let plan = CallPlan(
            action: action, verdict: verdict(entry), conditional: conditional, limits: limits)
        let isRepeated = action == ActionID.unknown.index || action >= ActionCatalog.builtIn.count
        if isRepeated { subject.keep(plan, serial: snapshot.serial) }
        return plan
    }

    /// The verdict of an entry, with its counters.
    func verdict(_ entry: PermissionEntry) -> PermissionVerdict {
        if let known = verdicts[entry] { return known }
        let fresh = PermissionVerdict(entry, rules: snapshot.permissions, meters: meters)
        verdicts[entry] = fresh
        return fresh
    }

    /// What permissions say as far as the connection alone decides, and what its calls decide.
    func permissions(of action: Int, _ facts: CallFacts) -> (
        PermissionEntry, ConditionalPermissions?
    ) {
        let known = permissions(of: action, for: facts.subject.principal)
        var entry = known.entry
        var open: [(index: Int32, node: ConditionNode)] = []
        for index in known.conditional {
            let rule = snapshot.permissions[Int(index)]
            switch rule.condition?.resolved(facts) {
            case .known(true)?, nil: entry.add(index, rule)
            case .known(false)?: break
            case .depends(let node)?: open.append((index, node))
            }
        }
        if open.isEmpty { return (entry, nil) }
        return (
            entry, ConditionalPermissions(entry, open, permissions: snapshot.permissions)
        )
    }

    private func permissions(of action: Int, for principal: Principal?) -> ActionPermissions {
        let traits = snapshot.traits.traits(of: principal)
        if permissions.count >= Self.maxPermissions || traitNumbers.count >= Self.maxPermissions {
            permissions.removeAll()
            traitNumbers.removeAll()
        }
        let number = traitNumbers[traits] ?? Int32(traitNumbers.count)
        traitNumbers[traits] = number
        let key = PermissionKey(traits: number, action: Int32(truncatingIfNeeded: action))
        if let known = permissions[key] { return known }
        let fresh = snapshot.permissions(of: action, for: traits)
        permissions[key] = fresh
        return fresh
    }

    private func line(_ index: Int) -> LimitLine {
        if let known = lines[index] { return known }
        let fresh = LimitLine(
            snapshot.limits[index], index: Int32(index), scope: snapshot.scope, places: places,
            meters: meters)
        lines[index] = fresh
        return fresh
    }
}

@available(*, unavailable)
extension CallPlanner: Sendable {}
