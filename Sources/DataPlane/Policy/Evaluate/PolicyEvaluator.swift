package import SluiceVocabulary

/// Decides calls on one event loop: permission first, then all limits that match.
///
/// Loop-bound, one per loop. Takes no lock and allocates nothing for a connection's second call of
/// an action, unless a limit is keyed by something that changes from message to message.
package final class PolicyEvaluator {
    package private(set) var snapshot: PolicySnapshot
    private let meters: PolicyMeters
    private var linesByAction: [[LimitLine]] = []
    private var permissionCounters: PermissionCounters
    private var tables: [PrincipalTraits: PermissionTable] = [:]
    /// Where the limits of the call under decision stand; kept to save the allocation.
    private var reservations: [Reservation] = []
    private var lastNow = Int64.min

    /// Tables kept per loop. Traits are bounded by what the policy names, but their combinations
    /// are many.
    private static let maxTables = 1_024

    package init(snapshot: PolicySnapshot, meters: PolicyMeters) {
        self.snapshot = snapshot
        self.meters = meters
        permissionCounters = PermissionCounters(snapshot, meters: meters)
        index()
    }

    /// Decides by `snapshot` from the next call on. Connections resolve anew when they next call.
    package func adopt(_ snapshot: PolicySnapshot) {
        self.snapshot.clock.advance(to: lastNow)
        self.snapshot = snapshot
        permissionCounters = PermissionCounters(snapshot, meters: meters)
        tables = [:]
        index()
    }

    private func index() {
        let lines = snapshot.limits.enumerated().map {
            LimitLine($1, index: Int32($0), meters: meters)
        }
        linesByAction = snapshot.limitsByAction.map { $0.map { lines[Int($0)] } }
        reservations.reserveCapacity(linesByAction.reduce(0) { max($0, $1.count) })
    }

    /// What the limits of an action look at in a call, beside what is always there.
    package func needs(_ action: ActionID) -> NeededFacts { snapshot.needs(known(action)) }

    /// Whether permissions allow an action. Counts nothing and spends nothing.
    package func isPermitted(_ action: ActionID, for subject: PolicySubject) -> Bool {
        table(of: subject).entries[known(action)].isPermitted
    }

    /// May this call go on, and may it go on now?
    ///
    /// A refused call spends nothing.
    /// - Parameter now: time of the loop's turn.
    package func decide(
        _ call: PolicyCall, for subject: PolicySubject, now: MonotonicTime
    ) -> PolicyVerdict {
        let entry = table(of: subject).entries[known(call.action)]
        permissionCounters.count(entry)
        if !entry.isPermitted {
            return .refuse(Refusal(.permissionDenied, rule: name(ofPermission: entry.rule)))
        }
        let shadowRule = entry.shadowRule < 0 ? nil : name(ofPermission: entry.shadowRule)
        return limit(
            call, for: subject, now: now.nanoseconds, rule: name(ofPermission: entry.rule),
            shadowRule: shadowRule)
    }

    /// Limits alone, for pushes: whoever may push is decided elsewhere. The permit names no rule.
    package func limitOnly(
        _ call: PolicyCall, for subject: PolicySubject, now: MonotonicTime
    ) -> PolicyVerdict {
        resolve(subject)
        return limit(call, for: subject, now: now.nanoseconds, rule: "", shadowRule: nil)
    }

    @inline(__always)
    private func known(_ action: ActionID) -> Int {
        action.index < snapshot.catalog.count ? action.index : ActionID.unknown.index
    }

    private func name(ofPermission index: Int32) -> String {
        index < 0 ? "default" : snapshot.permissions[Int(index)].name
    }

    // MARK: Permissions

    @inline(__always)
    private func table(of subject: PolicySubject) -> PermissionTable {
        if subject.serial == snapshot.serial, let table = subject.table { return table }
        return resolve(subject)
    }

    /// Points a connection at the snapshot in force.
    @discardableResult
    private func resolve(_ subject: PolicySubject) -> PermissionTable {
        if subject.serial == snapshot.serial, let table = subject.table { return table }
        let traits = snapshot.traits.traits(of: subject.principal)
        let table: PermissionTable
        if let known = tables[traits] {
            table = known
        } else {
            if tables.count >= Self.maxTables { tables.removeAll() }
            table = snapshot.permissionTable(for: traits)
            tables[traits] = table
        }
        subject.slots = BucketSlots()
        subject.table = table
        subject.serial = snapshot.serial
        return table
    }

    // MARK: Limits

    private func limit(
        _ call: PolicyCall, for subject: PolicySubject, now: Int64, rule: String, shadowRule: String?
    ) -> PolicyVerdict {
        if now > lastNow {
            lastNow = now
            snapshot.clock.advance(to: now)
        }
        let lines = linesByAction[known(call.action)]
        let transport: UInt8 = 1 << call.transport.rawValue
        reservations.removeAll(keepingCapacity: true)
        var isRefused = false
        for index in lines.indices where lines[index].transports & transport != 0 {
            let reservation = look(lines[index], call, subject, now: now)
            isRefused = isRefused || reservation.refuses
            reservations.append(reservation)
        }
        if isRefused { return .refuse(refusal()) }
        return commit(call, subject, now: now, rule: rule, shadowRule: shadowRule)
    }

    /// Looks at the bucket of a call, without writing.
    @inline(__always)
    private func look(
        _ line: LimitLine, _ call: PolicyCall, _ subject: PolicySubject, now: Int64
    ) -> Reservation {
        let place = line.isConstant ? subject.slots.find(line.index) : -1
        if place >= 0 {
            let slot = subject.slots.slots[place]
            if let bucket = slot.bucket,
                let reservation = Reservation(
                    line, bucket: bucket, variant: Int(slot.variant), bytes: call.bytes, now: now)
            {
                return reservation
            }
        }
        return resolve(line, call, subject, now: now)
    }

    /// Finds the bucket by its key; the connection keeps it where its key cannot change.
    @inline(never)
    private func resolve(
        _ line: LimitLine, _ call: PolicyCall, _ subject: PolicySubject, now: Int64
    ) -> Reservation {
        let key = subject.key(line.key, call: call)
        let variant = line.variant(for: subject)
        while true {
            let bucket = line.bucket(of: key, now: now)
            // Nil only when the bucket was forgotten since: the table then makes a new one.
            guard
                let reservation = Reservation(
                    line, bucket: bucket, variant: variant, bytes: call.bytes, now: now)
            else { continue }
            if line.isConstant {
                subject.slots.set(
                    BucketSlots.Slot(limit: line.index, variant: Int32(variant), bucket: bucket))
            }
            return reservation
        }
    }

    /// Writes all reservations, or none.
    @inline(__always)
    private func commit(
        _ call: PolicyCall, _ subject: PolicySubject, now: Int64, rule: String, shadowRule: String?
    ) -> PolicyVerdict {
        var remaining = Int64.max
        var shadowRule = shadowRule
        for place in reservations.indices {
            if reservations[place].excess <= 0 { write(place, call, subject, now: now) }
            if reservations[place].excess > 0 {
                if reservations[place].refuses { return .refuse(takeBack(from: place)) }
                shadowRule = shadowRule ?? reservations[place].line.name
            } else {
                remaining = min(remaining, reservations[place].requestsLeft)
            }
        }
        for place in reservations.indices { reservations[place].count() }
        return .go(
            Permit(
                rule: rule, remaining: remaining == Int64.max ? -1 : remaining, shadowRule: shadowRule))
    }

    /// Writes one reservation; afterwards its `excess` tells whether it still fitted.
    @inline(__always)
    private func write(_ place: Int, _ call: PolicyCall, _ subject: PolicySubject, now: Int64) {
        while !reservations[place].commit(bytes: call.bytes) {
            reservations[place] = resolve(reservations[place].line, call, subject, now: now)
        }
    }

    /// Another loop came between: gives back what was written before `place`.
    @inline(never)
    private func takeBack(from place: Int) -> Refusal {
        for earlier in reservations.indices.prefix(place) where reservations[earlier].excess <= 0 {
            reservations[earlier].giveBack()
        }
        return refusal()
    }

    /// The answer of the limit that takes longest, or of one that never lets such a call through.
    @inline(never)
    private func refusal() -> Refusal {
        var worst = reservations[0]
        var found = false
        for reservation in reservations where reservation.refuses {
            let isWorse = !worst.neverFits && (reservation.neverFits || reservation.excess > worst.excess)
            if !found || isWorse { worst = reservation }
            found = true
        }
        worst.line.refused.add()
        if worst.neverFits { return Refusal(.tooLarge, rule: worst.line.name) }
        return Refusal(
            .rateLimited, rule: worst.line.name,
            retryAfterMilliseconds: UInt64((worst.excess + 999_999) / 1_000_000))
    }
}

@available(*, unavailable)
extension PolicyEvaluator: Sendable {}
