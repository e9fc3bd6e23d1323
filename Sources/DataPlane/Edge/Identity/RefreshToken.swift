import SluiceFraming
import SluiceIdentity
import SluicePolicy
import SluiceVocabulary

/// A refresh token for a fresh pair, without a connection.
extension EdgeLoop {
    /// Takes `{"refresh_token": ...}`. `completion` runs once on this loop, perhaps before return.
    func refreshToken(
        _ body: [UInt8], subject: PolicySubject, at place: PolicyWait.Place,
        _ completion: @escaping (Result<LoginReply, Denial>) -> Void
    ) {
        guard let issuer = snapshot.issuer else {
            return completion(.failure(Denial(Refusal(.commandNotFound))))
        }
        guard let request = try? JSONValue(parsing: body),
            let token = request["refresh_token"]?.string
        else {
            let text = "Expected {\"refresh_token\": \"...\"}."
            return completion(.failure(Denial(Refusal(.badRequest, message: text))))
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
                completion(.failure(Denial(Refusal(error.refusal))))
            case .success(let grant):
                subject.identify(principal: grant.principal, session: nil, device: Device())
                let question = PolicyQuestion(
                    place: place, subject: subject, principal: grant.principal,
                    call: { place.call(.authRefresh, bytes: body.count) })
                use(grant, issuer, question, completion)
            }
        }
    }

    private func use(
        _ grant: RefreshGrant, _ issuer: TokenIssuer, _ question: PolicyQuestion,
        _ completion: @escaping (Result<LoginReply, Denial>) -> Void
    ) {
        guard !authenticator.revocations.covers(grant.principal) else {
            return completion(.failure(failed(.revoked)))
        }
        ask(question) { [self] answer in
            switch answer {
            case .no(let refusal, let closes):
                completion(.failure(Denial(refusal, closes: closes)))
            case .go(let permit, _):
                exchange(grant, issuer) { [self] outcome in
                    callIsOver(permit.lease)
                    completion(outcome)
                }
            }
        }
    }

    /// A refresh token buys one pair: the second to show it is not who it was made for.
    private func exchange(
        _ grant: RefreshGrant, _ issuer: TokenIssuer,
        _ completion: @escaping (Result<LoginReply, Denial>) -> Void
    ) {
        use(grant) { [self] isFirst in
            guard isFirst else { return completion(.failure(failed(.reused))) }
            meters.authentication("refresh", "ok")
            issue(issuer, user: grant.user, claims: grant.claims) { outcome in
                completion(outcome.mapError { Denial($0) })
            }
        }
    }

    private func failed(_ error: TokenError) -> Denial {
        meters.authentication("refresh", error.rawValue)
        return Denial(Refusal(error.refusal))
    }
}
