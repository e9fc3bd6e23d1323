import SluiceJournalReader
import SluicePolicy
import SluiceVocabulary

/// One policy in one process of the past: the real evaluator, on the clock of the entries.
final class ReplayJudge {
    private let evaluator: PolicyEvaluator
    private let usesSessions: Bool
    private let subjects: ReplaySubjects
    /// The monotonic clock at a wall time of 0, in microseconds.
    private let offset: Int64
    private var now: Int64 = 0
    private var lastForgetting = Int64.min
    private var held = MinHeap<Due<Lease>>()
    private var connections: [String: Lease] = [:]
    private var paused = MinHeap<Due<ReplayEntry>>()
    /// How long requests of an action take that went to a service.
    private var durations: [String: (sum: Int64, count: Int64)] = [:]

    /// What a policy says to a replayed request.
    struct Verdict {
        var decision: ReplayEntry.Decision
        /// Passes, but later.
        var waits = false
    }

    private static let forgetMicroseconds: Int64 = 60_000_000

    /// - Parameter offset: wall time at which the monotonic clock stood at 0, in microseconds.
    init(_ snapshot: PolicySnapshot, subjects: ReplaySubjects, offset: Int64) {
        evaluator = PolicyEvaluator(snapshot: snapshot, meters: .discarding)
        usesSessions = snapshot.model.usesSessions
        self.subjects = subjects
        self.offset = offset
    }

    /// Decides a request at its time.
    func decide(_ entry: ReplayEntry) -> Verdict {
        advance(to: entry.time)
        if entry.decision == .allowed, entry.durationMicroseconds > 0 {
            let known = durations[entry.action] ?? (0, 0)
            durations[entry.action] = (known.sum + entry.durationMicroseconds, known.count + 1)
        }
        let verdict = ask(entry)
        switch verdict {
        case .go(let permit):
            hold(permit.lease, entry, wait: 0)
            return Verdict(decision: .allowed)
        case .wait(let permit, let nanoseconds):
            hold(permit.lease, entry, wait: nanoseconds / 1_000)
            return Verdict(decision: .allowed, waits: true)
        case .pause(_, let nanoseconds):
            pause(entry, nanoseconds)
            return Verdict(decision: .allowed, waits: true)
        case .refuse(let refusal), .drop(let refusal), .close(let refusal):
            return Verdict(decision: .refused(rule: refusal.rule ?? ""))
        }
    }

    /// What `decide` would say, and why. Changes nothing.
    func explain(_ entry: ReplayEntry) -> PolicyTrace {
        advance(to: entry.time)
        return evaluator.explain(
            call(entry), for: subject(entry), now: MonotonicTime(nanoseconds: nanoseconds),
            limitsOnly: isLimitsOnly(entry))
    }

    /// A connection is over.
    func close(_ connection: String, at time: Int64) {
        advance(to: time)
        if let lease = connections.removeValue(forKey: connection) { evaluator.release(lease) }
    }

    // MARK: One request

    private func ask(_ entry: ReplayEntry) -> PolicyVerdict {
        let time = MonotonicTime(nanoseconds: nanoseconds)
        return isLimitsOnly(entry)
            ? evaluator.limitOnly(call(entry), for: subject(entry), now: time)
            : evaluator.decide(call(entry), for: subject(entry), now: time)
    }

    private func isLimitsOnly(_ entry: ReplayEntry) -> Bool {
        entry.action == ActionCatalog.builtIn[ActionID.unknown.index]
    }

    private func call(_ entry: ReplayEntry) -> PolicyCall {
        let action = evaluator.snapshot.catalog.action(named: entry.action) ?? .unknown
        let wall = WallTime(microseconds: now)
        guard let method = entry.method else {
            return PolicyCall(
                action: action, bytes: entry.bytes, transport: entry.transport, wall: wall,
                topic: entry.topic)
        }
        return PolicyCall(
            action: action, bytes: entry.bytes, transport: entry.transport, wall: wall,
            topic: entry.topic, loginUser: nil, method: method,
            headers: evaluator.snapshot.headerNames.map { _ in nil })
    }

    private func subject(_ entry: ReplayEntry) -> PolicySubject {
        subjects.find(entry, hasSession: usesSessions)
    }

    // MARK: Time

    private var nanoseconds: Int64 { max(0, now - offset) * 1_000 }

    private func advance(to time: Int64) {
        while true {
            let lease = held.first?.time ?? .max
            let pause = paused.first?.time ?? .max
            guard min(lease, pause) <= time else { break }
            if lease <= pause {
                if let due = held.removeFirst() { evaluator.release(due.value) }
            } else if let due = paused.removeFirst() {
                now = max(now, due.time)
                again(due.value)
            }
        }
        now = max(now, time)
        if now - Self.forgetMicroseconds > lastForgetting {
            lastForgetting = now
            evaluator.snapshot.forgetFullBuckets(
                now: MonotonicTime(nanoseconds: nanoseconds), wall: WallTime(microseconds: now))
        }
    }

    /// A request whose connection was not read for a while is taken as if it came now.
    private func again(_ entry: ReplayEntry) {
        switch ask(entry) {
        case .go(let permit): hold(permit.lease, entry, wait: 0)
        case .wait(let permit, let nanoseconds):
            hold(permit.lease, entry, wait: nanoseconds / 1_000)
        case .pause(_, let nanoseconds): pause(entry, nanoseconds)
        case .refuse, .drop, .close: break
        }
    }

    private func pause(_ entry: ReplayEntry, _ nanoseconds: Int64) {
        paused.insert(Due(time: now + max(1, (nanoseconds + 999) / 1_000), value: entry))
    }

    /// Places stay taken until the request is over; how long one takes that was refused then is a
    /// guess: as long as others of its action.
    private func hold(_ lease: Lease, _ entry: ReplayEntry, wait: Int64) {
        if lease.isNone { return }
        if entry.action == ActionCatalog.builtIn[ActionID.sessionConnect.index] {
            if let old = connections.updateValue(lease, forKey: entry.connection) {
                evaluator.release(old)
            }
            return
        }
        var duration = entry.durationMicroseconds
        if entry.decision != .allowed, let known = durations[entry.action] {
            duration = known.sum / known.count
        }
        held.insert(Due(time: now + wait + duration, value: lease))
    }
}

@available(*, unavailable)
extension ReplayJudge: Sendable {}

/// Callers of the past, each made once.
final class ReplaySubjects {
    private struct Key: Hashable {
        let user: String?
        let claims: String
        let client: String
        let device: String
        let platform: String
        let app: String
        let transport: Transport
        let session: String
    }

    /// Kept at most; all are forgotten then, and found again.
    private static let most = 200_000

    private var known: [Key: PolicySubject] = [:]
    private let seen: ReplayClaims

    /// - Parameter seen: is told which claims entries hold.
    init(seen: ReplayClaims) { self.seen = seen }

    func find(_ entry: ReplayEntry, hasSession: Bool) -> PolicySubject {
        let isConnect = entry.action == ActionCatalog.builtIn[ActionID.sessionConnect.index]
        let session =
            hasSession && entry.user != nil && entry.transport != .http && !isConnect
            ? entry.connection : ""
        let key = Key(
            user: entry.user, claims: entry.claims, client: entry.client, device: entry.device,
            platform: entry.platform, app: entry.app, transport: entry.transport, session: session)
        if let subject = known[key] { return subject }
        if known.count >= Self.most { known.removeAll(keepingCapacity: true) }
        let subject = PolicySubject(
            address: IPAddress(entry.client)?.bytes ?? [], principal: principal(entry),
            session: UInt64(session, radix: 16).map { SessionID(high: $0, low: 1) },
            device: Device(id: entry.device, platform: entry.platform, app: entry.app))
        known[key] = subject
        return subject
    }

    private func principal(_ entry: ReplayEntry) -> Principal? {
        guard let user = entry.user else { return nil }
        var claims: [String: ClaimValue] = [:]
        if case .object(let members)? = JSONCursor.parse(entry.claims) { claims = members }
        seen.names.formUnion(claims.keys)
        claims["sub"] = .string(user)
        return Principal(
            user: user, roles: claims["roles"]?.strings ?? [], claims: claims,
            expiresAtSeconds: nil, tokenID: nil)
    }
}

@available(*, unavailable)
extension ReplaySubjects: Sendable {}

/// Names of the claims that entries hold.
final class ReplayClaims {
    var names: Set<String> = []
}

@available(*, unavailable)
extension ReplayClaims: Sendable {}
