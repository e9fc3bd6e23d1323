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
        let grant: RefreshGrant
        do throws(TokenError) {
            grant = try issuer.verifyRefreshToken(Array(token.utf8), now: tick.wall)
            meters.authentication("refresh", "ok")
        } catch {
            meters.authentication("refresh", error.rawValue)
            return completion(.failure(Refusal(error.refusal)))
        }
        if let refusal = refusal(of: grant, subject, bytes: body.count) {
            return completion(.failure(refusal))
        }
        issue(issuer, user: grant.user, claims: grant.claims, completion)
    }

    /// What the policy has against it.
    private func refusal(
        of grant: RefreshGrant, _ subject: PolicySubject, bytes: Int
    ) -> Refusal? {
        let holder = Principal(
            user: grant.user, roles: grant.claims["roles"]?.strings ?? [], claims: grant.claims,
            expiresAtSeconds: nil, tokenID: nil)
        subject.identify(principal: holder, session: nil, device: "")
        let call = PolicyCall(
            action: .authRefresh, bytes: bytes, transport: .http, topic: nil, loginUser: nil)
        guard case .refuse(let refusal) = evaluator.decide(call, for: subject, now: tick.now)
        else { return nil }
        return refusal
    }
}
