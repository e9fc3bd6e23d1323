import NIOCore
import SluiceIdentity
import SluiceTelemetry
import SluiceUpstream
import SluiceVocabulary

/// Finds out who brings a token: what is remembered at once, the rest by asking others. Loop-bound.
///
/// A new token goes through: its form, its key (the key source may have to be asked), its signature
/// (costly ones on another thread), its claims, revocations, and whether its user still exists. An
/// opaque token is asked about instead. The same token is asked about once at a time, whoever
/// brings it. Our bug: a completion that runs twice or never. Ignored on purpose: answers about
/// tokens for which nobody waits any more are remembered all the same.
final class Authenticator {
    typealias Outcome = Result<Principal, TokenError>
    typealias Completion = (Outcome) -> Void

    unowned let edge: EdgeLoop
    let verifier: TokenVerifier
    var opaque: OpaqueTokens
    var users: UserChecks
    var revocations: RevocationList
    /// Those whose `jti` this loop keeps.
    var usedRefreshTokens: UsedTokens
    let meters: IdentityMeters
    private let signatures: SignaturePool?
    private let maxWaiting: Int
    private var waiting: [TokenHash: [Completion]] = [:]
    /// Completions in `waiting`.
    private(set) var waitingCount = 0
    /// Users about whom the service is being asked.
    var asked: [String: [(UserAnswer) -> Void]] = [:]

    /// Tokens that wait for the key source.
    private var keyWaiters: [(KeyRefetch) -> Void] = []

    init(edge: EdgeLoop, signatures: SignaturePool?, registry: MetricsRegistry) {
        self.edge = edge
        self.signatures = signatures
        let limits = edge.limits
        maxWaiting = limits.maxWaitingAuthentications
        verifier = TokenVerifier(
            keys: edge.snapshot.keys, rules: edge.snapshot.tokenRules,
            maxCachedTokens: limits.maxCachedTokens)
        opaque = OpaqueTokens(capacity: limits.maxCachedTokens)
        users = UserChecks(capacity: limits.maxCachedUsers)
        revocations = RevocationList(capacity: limits.maxRevocations)
        usedRefreshTokens = UsedTokens(capacity: limits.maxRevocations)
        meters = IdentityMeters(registry: registry, shard: edge.index)
    }

    func adopt(_ new: EdgeSnapshot, replacing old: EdgeSnapshot) {
        verifier.adopt(keys: new.keys, rules: new.tokenRules)
        if new.opaque != old.opaque { opaque.forgetAll() }
        if new.userCheck != old.userCheck { users.forgetAll() }
    }

    /// Who brings this token. `completion` runs once on the loop, before return where nobody has to
    /// be asked.
    func identify(_ token: [UInt8], _ completion: @escaping Completion) {
        let hash: TokenHash
        do throws(TokenError) {
            hash = try verifier.hash(token)
            if let principal = try verifier.recall(hash, now: edge.tick.wall),
                let known = standing(of: principal)
            {
                meters.token.hit.add()
                return completion(known)
            }
        } catch {
            return completion(.failure(error))
        }
        guard waitingCount < maxWaiting else {
            edge.meters.limitExceeded("max_waiting_authentications")
            return completion(.failure(.overloaded))
        }
        waitingCount += 1
        waiting[hash, default: []].append(completion)
        if waiting[hash]?.count == 1 { begin(token, hash) }
    }

    private func begin(_ token: [UInt8], _ hash: TokenHash) {
        if let rules = edge.snapshot.opaque, OpaqueTokens.isOpaque(token) {
            return introspect(token, hash, rules)
        }
        do throws(TokenError) {
            if let principal = try verifier.recall(hash, now: edge.tick.wall) {
                meters.token.hit.add()
                return askUser(of: principal, hash)
            }
        } catch {
            return end(hash, .failure(error))
        }
        meters.token.miss.add()
        verify(token, hash, mayRefetch: true)
    }

    /// Answers everybody who waits for this token.
    func end(_ hash: TokenHash, _ outcome: Outcome) {
        var outcome = outcome
        // While others were asked the token may have been revoked.
        if case .success(let principal) = outcome, revocations.covers(principal) {
            outcome = .failure(.revoked)
        }
        let completions = waiting.removeValue(forKey: hash) ?? []
        waitingCount -= completions.count
        for completion in completions { completion(outcome) }
    }

    // MARK: Key and signature

    private func verify(_ token: [UInt8], _ hash: TokenHash, mayRefetch: Bool) {
        let unverified: UnverifiedToken
        do throws(TokenError) {
            unverified = try verifier.prepare(token, hash)
        } catch {
            guard error == .unknownKey, mayRefetch, edge.snapshot.hasKeySource else {
                return end(hash, .failure(error))
            }
            return awaitKeys(hash) { [self] in verify(token, hash, mayRefetch: false) }
        }
        guard unverified.isCostly else {
            return accept(unverified, unverified.check())
        }
        let check: @Sendable () -> Result<[String: ClaimValue], TokenError> = { unverified.check() }
        compute(isCostly: true, check) { [self] result in accept(unverified, result) }
    }

    /// Lets the key source be asked, once for all that wait, and goes on when its keys are fresh.
    private func awaitKeys(_ hash: TokenHash, _ goOn: @escaping () -> Void) {
        // Made-up keys must leave room for tokens that wait for something better.
        guard keyWaiters.count < max(1, maxWaiting / 4), let ask = edge.onUnknownKey else {
            edge.meters.limitExceeded("max_waiting_authentications")
            return end(hash, .failure(.overloaded))
        }
        keyWaiters.append { [self] result in
            switch result {
            case .fetched: goOn()
            case .failed: end(hash, .failure(.unavailable))
            }
        }
        guard keyWaiters.count == 1 else { return }
        let bound = NIOLoopBound(self, eventLoop: edge.loop)
        ask { result in
            let authenticator = bound.value
            authenticator.edge.tick.begin()
            let waiters = authenticator.keyWaiters
            authenticator.keyWaiters = []
            for waiter in waiters { waiter(result) }
        }
    }

    private func accept(
        _ token: UnverifiedToken, _ result: Result<[String: ClaimValue], TokenError>
    ) {
        do throws(TokenError) {
            let principal = try verifier.accept(token, claims: result.get(), now: edge.tick.wall)
            askUser(of: principal, token.hash)
        } catch {
            end(token.hash, .failure(error))
        }
    }

    /// Runs `work` where signatures are computed: on a thread when it is costly, else here and now.
    func compute<Answer: Sendable>(
        isCostly: Bool, _ work: @escaping @Sendable () -> Result<Answer, TokenError>,
        _ completion: @escaping (Result<Answer, TokenError>) -> Void
    ) {
        guard isCostly, let signatures else { return completion(work()) }
        let isRunning = signatures.run(on: edge.loop, work) { [self] result in
            edge.tick.begin()
            completion(result ?? .failure(.unavailable))
        }
        guard !isRunning else { return }
        edge.meters.limitExceeded("max_signature_queue")
        completion(.failure(.overloaded))
    }

    /// Brings the gauges up to date; now and then is enough.
    func settle() {
        meters.token.entries.set(Int64(verifier.cachedTokens))
        meters.opaque.entries.set(Int64(opaque.count))
        meters.user.entries.set(Int64(users.count))
        meters.revocations.set(Int64(revocations.count))
        meters.waiting.set(Int64(waitingCount))
    }
}

@available(*, unavailable)
extension Authenticator: Sendable {}

/// What became of asking the key source.
package enum KeyRefetch: Sendable {
    /// The keys in force are fresh.
    case fetched
    /// It does not answer, so nobody can tell whether it has the key.
    case failed
}
