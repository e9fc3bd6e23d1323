import SluiceVocabulary

/// Makes plans for connections, for one snapshot on one loop.
final class CallPlanner {
    private let snapshot: PolicySnapshot
    private let meters: PolicyMeters
    private let lines: [LimitLine]
    private var tables: [PrincipalTraits: PermissionTable] = [:]
    private var verdicts: [PermissionTable.Entry: PermissionVerdict] = [:]

    private let end = LimitChain()
    /// Stands where a bucket is looked up per message.
    private let noBucket = Bucket(.retired)

    /// Tables kept per loop. Traits are bounded by what the policy names, but their combinations
    /// are many.
    private static let maxTables = 1_024

    init(_ snapshot: PolicySnapshot, meters: PolicyMeters) {
        self.snapshot = snapshot
        self.meters = meters
        lines = snapshot.limits.map { LimitLine($0, meters: meters) }
    }

    /// Finds what calls of an action by this connection meet, and keeps it with the connection
    /// unless it is something a connection does once.
    func makePlan(_ action: Int, for subject: PolicySubject, now: Int64) -> CallPlan {
        var limits = end
        let call = PolicyCall(action: ActionID(index: action), bytes: 0, transport: .tcp)
        for index in snapshot.limitsByAction[action].reversed() {
            let line = lines[Int(index)]
            let bucket =
                line.isConstant
                ? line.bucket(of: subject.key(line.key, call: call), now: now) : noBucket
            limits = LimitHold(
                line, bucket: bucket, variant: line.variant(for: subject), next: limits)
        }
        let plan = CallPlan(
            action: action, verdict: verdict(of: action, for: subject), limits: limits)
        let isRepeated = action == ActionID.unknown.index || action >= ActionCatalog.builtIn.count
        if isRepeated { subject.keep(plan, serial: snapshot.serial) }
        return plan
    }

    func verdict(of action: Int, for subject: PolicySubject) -> PermissionVerdict {
        let entry = table(for: subject.principal).entries[action]
        if let known = verdicts[entry] { return known }
        let fresh = PermissionVerdict(entry, rules: snapshot.permissions, meters: meters)
        verdicts[entry] = fresh
        return fresh
    }

    private func table(for principal: Principal?) -> PermissionTable {
        let traits = snapshot.traits.traits(of: principal)
        if let known = tables[traits] { return known }
        if tables.count >= Self.maxTables { tables.removeAll() }
        let fresh = snapshot.permissionTable(for: traits)
        tables[traits] = fresh
        return fresh
    }
}

@available(*, unavailable)
extension CallPlanner: Sendable {}
