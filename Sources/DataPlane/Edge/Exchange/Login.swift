import SluiceFraming
import SluiceIdentity
import SluicePolicy
import SluiceUpstream
import SluiceVocabulary

/// A no to a login or a refresh.
struct Denial: Error {
    var refusal: Refusal
    /// The policy wants the connection to end with it.
    var closes: Bool

    init(_ refusal: Refusal, closes: Bool = false) {
        self.refusal = refusal
        self.closes = closes
    }
}

/// Credentials in, token out: the same way for WebSocket and HTTP.
extension EdgeLoop {
    /// Name of the user service's command that checks credentials.
    static let loginCommand = "user.login"

    /// Asks the policy, then the user service, and makes the token. `completion` runs on this loop.
    func logIn(
        _ request: LoginRequest, subject: PolicySubject, at place: PolicyWait.Place,
        completion: @escaping (Result<LoginReply, Denial>) -> Void
    ) {
        guard !request.user.isEmpty, !request.password.isEmpty else {
            let text = "A login names `user` and `password`."
            return completion(.failure(Denial(Refusal(.badRequest, message: text))))
        }
        let question = PolicyQuestion(
            place: place, subject: subject,
            call: { place.call(.authLogin, loginUser: request.user) })
        ask(question) { [self] answer in
            switch answer {
            case .no(let refusal, let closes):
                meters.authentication("login", refusal.kind.name)
                completion(.failure(Denial(refusal, closes: closes)))
            case .go(let permit, _):
                checkCredentials(request) { [self] outcome in
                    callIsOver(permit.lease)
                    completion(outcome.mapError { Denial($0) })
                }
            }
        }
    }

    private func checkCredentials(
        _ request: LoginRequest, _ completion: @escaping (Result<LoginReply, Refusal>) -> Void
    ) {
        guard let command = snapshot.upstream.commands.named(Self.loginCommand) else {
            return completion(.failure(Refusal(.serviceUnavailable)))
        }
        let credentials = JSONValue.object([
            ("user", .string(request.user)), ("password", .string(request.password)),
        ])
        upstream.call(.own(.login), command: command, payload: credentials.text()) {
            [self] result in
            tick.begin()
            func finish(_ outcome: Result<LoginReply, Refusal>) {
                meters.authentication("login", Self.label(of: outcome))
                completion(outcome)
            }
            switch result {
            case .success(let reply): token(from: reply.status, reply.payload, finish)
            case .failure(let refusal): finish(.failure(refusal))
            }
        }
    }

    private static func label(of outcome: Result<LoginReply, Refusal>) -> String {
        switch outcome {
        case .success: "ok"
        case .failure(let refusal): refusal.kind.name
        }
    }

    private func token(
        from status: UInt32, _ payload: [UInt8],
        _ completion: @escaping (Result<LoginReply, Refusal>) -> Void
    ) {
        guard status == 0 else { return completion(.failure(Refusal(.badCredentials))) }
        guard let body = try? JSONValue(parsing: payload), let user = body["user_id"]?.string,
            !user.isEmpty
        else { return completion(.failure(Refusal(.badUpstreamAnswer))) }
        if let token = body["token"]?.string {
            return completion(
                .success(
                    LoginReply(
                        token: token, expiresAtSeconds: body["expires_at"]?.integer ?? 0,
                        refreshToken: body["refresh_token"]?.string ?? "", userID: user)))
        }
        guard let issuer = snapshot.issuer else {
            return completion(.failure(Refusal(.badUpstreamAnswer)))
        }
        var claims: [String: ClaimValue] = [:]
        for name in snapshot.loginClaims {
            if let value = body[name] { claims[name] = value.claim }
        }
        issue(issuer, user: user, claims: claims, completion)
    }

    /// Makes a pair of tokens. `completion` runs once on this loop, perhaps before return.
    func issue(
        _ issuer: TokenIssuer, user: String, claims: [String: ClaimValue],
        _ completion: @escaping (Result<LoginReply, Refusal>) -> Void
    ) {
        let now = tick.wall
        // Nothing of it is the client's fault: the claims are the user service's.
        let make: @Sendable () -> Result<IssuedToken?, TokenError> = {
            .success(try? issuer.issue(user: user, claims: claims, now: now))
        }
        authenticator.compute(isCostly: issuer.isCostly, make) { outcome in
            switch outcome {
            case .success(let issued?):
                completion(
                    .success(
                        LoginReply(
                            token: issued.token, expiresAtSeconds: issued.expiresAtSeconds,
                            refreshToken: issued.refreshToken, userID: user)))
            case .success(nil): completion(.failure(Refusal(.internalError)))
            case .failure(let error): completion(.failure(Refusal(error.refusal)))
            }
        }
    }
}
