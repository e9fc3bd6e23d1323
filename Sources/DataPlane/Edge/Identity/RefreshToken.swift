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
            let grant: RefreshGrant
            switch outcome {
            case .success(let checked) where !authenticator.revocations.covers(checked.principal):
                grant = checked
                meters.authentication("refresh", "ok")
            case .success:
                meters.authentication("refresh", TokenError.revoked.rawValue)
                return completion(.failure(Refusal(.revoked)))
            case .failure(let error):
                meters.authentication("refresh", error.rawValue)
                return completion(.failure(Refusal(error.refusal)))
            }
            if let refusal = refusal(of: grant, subject, bytes: body.count) {
                return completion(.failure(refusal))
            }
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

extension TokenIssuer {
    /// `verifyRefreshToken` as a value, for another thread.
    fileprivate func check(_ token: [UInt8], now: WallTime) -> Result<RefreshGrant, TokenError> {
        do throws(TokenError) {
            return .success(try verifyRefreshToken(token, now: now))
        } catch {
            return .failure(error)
        }
    }
}
