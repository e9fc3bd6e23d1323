import SluiceFraming
import SluiceIdentity
import SluicePolicy
import SluiceVocabulary

/// A refresh token for a fresh pair, without a connection.
extension EdgeLoop {
    /// Takes `{"refresh_token": ...}`. `completion` runs once on this loop, perhaps before return.
    func refreshToken(
        _ body: [UInt8], subject: PolicySubject,
        _ completion: @escaping (Result<LoginReply, Refusal>) -> Void
    ) {
        guard let issuer = snapshot.issuer else {
            return completion(.failure(Refusal(.commandNotFound)))
        }
        guard let request = try? JSONValue(parsing: body),
            let token = request["refresh_token"]?.string
        else {
            let text = "Expected {\"refresh_token\": \"...\"}."
            return completion(.failure(Refusal(.badRequest, message: text)))
        }
        let bytes = Array(token.utf8)
        let now = tick.wall
        let check: @Sendable () -> Result<RefreshGrant, TokenError> = {
            issuer.check(bytes, now: now)
        }
        authenticator.compute(isCostly: issuer.isCostly, check) { [self] outcome in
            switch outcome {
            case .failure(let error):
                meters.authentication("refresh", error.rawValue)
                completion(.failure(Refusal(error.refusal)))
            case .success(let grant):
                use(grant, issuer, subject, bytes: body.count, completion)
            }
        }
    }

    private func use(
        _ grant: RefreshGrant, _ issuer: TokenIssuer, _ subject: PolicySubject, bytes: Int,
        _ completion: @escaping (Result<LoginReply, Refusal>) -> Void
    ) {
        func fail(_ error: TokenError) {
            meters.authentication("refresh", error.rawValue)
            completion(.failure(Refusal(error.refusal)))
        }
        if authenticator.revocations.covers(grant.principal) { return fail(.revoked) }
        if let refusal = refusal(of: grant, subject, bytes: bytes) {
            return completion(.failure(refusal))
        }
        // A refresh token buys one pair: the second to show it is not who it was made for.
        use(grant) { [self] isFirst in
            guard isFirst else { return fail(.reused) }
            meters.authentication("refresh", "ok")
            issue(issuer, user: grant.user, claims: grant.claims, completion)
        }
    }

    /// What the policy has against it.
    private func refusal(
        of grant: RefreshGrant, _ subject: PolicySubject, bytes: Int
    ) -> Refusal? {
        subject.identify(principal: grant.principal, session: nil, device: "")
        let call = PolicyCall(
            action: .authRefresh, bytes: bytes, transport: .http, topic: nil, loginUser: nil)
        guard case .refuse(let refusal) = evaluator.decide(call, for: subject, now: tick.now)
        else { return nil }
        return refusal
    }
}
