import SluiceFraming
import SluiceIdentity
import SluicePolicy
import SluiceUpstream
import SluiceVocabulary

/// What the user service says of somebody.
enum UserAnswer { case exists, gone, noAnswer }

/// What services are asked: about opaque tokens, and whether a user still exists.
extension Authenticator {
    // MARK: Opaque tokens

    func introspect(_ token: [UInt8], _ hash: TokenHash, _ rules: OpaqueRules) {
        switch opaque.look(hash, now: edge.tick.now, wall: edge.tick.wall) {
        case .active(let principal):
            meters.opaque.hit.add()
            return end(hash, .success(principal))
        case .notActive:
            meters.opaque.negative.add()
            return end(hash, .failure(.notActive))
        case .unknown: meters.opaque.miss.add()
        }
        guard let command = edge.snapshot.upstream.commands.named(rules.command) else {
            return end(hash, .failure(.unavailable))
        }
        let question = JSONValue.object([
            ("token", .string(String(decoding: token, as: UTF8.self)))
        ])
        edge.upstream.call(.own(.introspection), command: command, payload: question.text()) {
            [self] result in
            edge.tick.begin()
            let outcome = principal(from: result, hash)
            switch outcome {
            case .success(let principal):
                opaque.note(hash, principal, rules, now: edge.tick.now)
            case .failure(.notActive): opaque.note(hash, nil, rules, now: edge.tick.now)
            case .failure: break
            }
            end(hash, outcome)
        }
    }

    /// `{"active": true, "user_id", "roles", "expires_at", ...}`; the rest are claims as they stand.
    private func principal(
        from result: Result<(status: UInt32, payload: [UInt8]), Refusal>, _ hash: TokenHash
    ) -> Outcome {
        guard case .success(let reply) = result else { return .failure(.unavailable) }
        // The service's own statuses begin at 1000: it answered, and the answer is no.
        guard reply.status == 0 else { return .failure(.notActive) }
        guard let body = try? JSONValue(parsing: reply.payload),
            case .object(let members) = body.claim, case .bool(let isActive) = members["active"]
        else { return .failure(.unavailable) }
        guard isActive else { return .failure(.notActive) }
        guard let user = members["user_id"]?.string, !user.isEmpty,
            user.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control }),
            let roles = members["roles"].map({ $0.strings }) ?? []
        else { return .failure(.unavailable) }
        let expiry = Self.seconds(members["expires_at"])
        // An end that cannot be read is not "never".
        if expiry == nil, members["expires_at"] ?? .null != .null { return .failure(.unavailable) }
        if let expiry, expiry <= edge.tick.wall.seconds { return .failure(.notActive) }
        var claims = members
        for name in ["active", "user_id", "expires_at", "issued_at"] { claims[name] = nil }
        claims["sub"] = .string(user)
        claims["exp"] = expiry.map { .integer($0) }
        return .success(
            Principal(
                user: user, roles: roles, claims: claims, expiresAtSeconds: expiry,
                tokenID: members["jti"]?.string,
                issuedAtSeconds: Self.seconds(members["issued_at"]), tokenHash: hash))
    }

    /// Seconds since 1970, a fraction cut off; nil for what is no number. Brought within 2^53, which
    /// leaves room to reckon with it.
    private static func seconds(_ value: ClaimValue?) -> Int64? {
        let bound: Int64 = 1 << 53
        switch value {
        case .integer(let seconds)?: return max(-bound, min(seconds, bound))
        case .number(let seconds)? where !seconds.isNaN:
            return Int64(max(-Double(bound), min(seconds, Double(bound))).rounded(.down))
        default: return nil
        }
    }

    // MARK: Users

    /// What can be said of a principal at once; nil when the user service must be asked.
    func standing(of principal: Principal) -> Outcome? {
        if revocations.covers(principal) { return .failure(.revoked) }
        guard let rules = edge.snapshot.userCheck else { return .success(principal) }
        switch users.look(principal.user, rules, now: edge.tick.now) {
        case .exists(let isDue):
            meters.user.hit.add()
            if isDue { ask(principal.user, rules) { _ in } }
            return .success(principal)
        case .existsStale:
            meters.user.stale.add()
            return .success(principal)
        case .gone:
            meters.user.negative.add()
            return .failure(.userGone)
        case .unknown: return nil
        }
    }

    /// The last step of a verified token.
    func askUser(of principal: Principal, _ hash: TokenHash) {
        if let known = standing(of: principal) { return end(hash, known) }
        guard let rules = edge.snapshot.userCheck else { return end(hash, .success(principal)) }
        meters.user.miss.add()
        ask(principal.user, rules) { [self] answer in
            switch answer {
            case .exists: end(hash, .success(principal))
            case .gone: end(hash, .failure(.userGone))
            case .noAnswer:
                let serves = users.serveStale(principal.user, rules, now: edge.tick.now)
                if serves { meters.user.stale.add() }
                end(hash, serves ? .success(principal) : .failure(.unavailable))
            }
        }
    }

    /// Asks the user service, once at a time for each user, and remembers the answer.
    func ask(
        _ user: String, _ rules: UserCheckRules, _ completion: @escaping (UserAnswer) -> Void
    ) {
        if asked[user] != nil {
            asked[user]?.append(completion)
            return
        }
        guard let command = edge.snapshot.upstream.commands.named(rules.command) else {
            return completion(.noAnswer)
        }
        asked[user] = [completion]
        let question = JSONValue.object([("user", .string(user))])
        edge.upstream.call(.own(.userCheck), command: command, payload: question.text()) {
            [self] result in
            edge.tick.begin()
            let answer = Self.answer(from: result)
            if answer != .noAnswer {
                users.note(user, exists: answer == .exists, rules, now: edge.tick.now)
            }
            let completions = asked.removeValue(forKey: user) ?? []
            for completion in completions { completion(answer) }
        }
    }

    /// `{"exists": true}`; false, or a status of the service's own, means gone.
    private static func answer(
        from result: Result<(status: UInt32, payload: [UInt8]), Refusal>
    ) -> UserAnswer {
        guard case .success(let reply) = result else { return .noAnswer }
        if reply.status >= 1_000 { return .gone }
        guard reply.status == 0, let body = try? JSONValue(parsing: reply.payload),
            case .object(let members) = body.claim, case .bool(let exists) = members["exists"]
        else { return .noAnswer }
        return exists ? .exists : .gone
    }
}
