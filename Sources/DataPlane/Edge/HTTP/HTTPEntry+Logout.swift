import NIOHTTP1
import SluiceFraming
import SluicePolicy
import SluiceVocabulary

/// `POST /v1/logout`: the bearer's token is revoked, and the refresh token the body may name.
extension HTTPEntry {
    func logOut(_ head: HTTPRequestHead) {
        let started = edge.tick.now
        let bytesIn = body.count
        var refreshToken: [UInt8]?
        if !body.isEmpty {
            guard let request = try? JSONValue(parsing: body),
                let token = request["refresh_token"]?.string
            else {
                let text = "Expected {\"refresh_token\": \"...\"} or nothing."
                return loggedOut(Refusal(.badRequest, message: text), started, bytesIn, user: nil)
            }
            refreshToken = Array(token.utf8)
        }
        edge.authenticate(bearer(head), method: "header") { [self] result in
            switch result {
            case .failure(let failure):
                loggedOut(failure.refusal, started, bytesIn, user: failure.user)
            case .success(let principal):
                edge.logOut(principal, refreshToken: refreshToken) { [self] refusal in
                    loggedOut(refusal, started, bytesIn, user: principal.user)
                }
            }
        }
    }

    private func loggedOut(
        _ refusal: Refusal?, _ started: MonotonicTime, _ bytesIn: Int, user: String?
    ) {
        edge.accountHTTP(self, .authRefresh, started, bytesIn, 0, refusal, user: user)
        guard !isClosed else { return }
        answer(refusal.map { .problem($0) } ?? HTTPAnswer(status: 204, body: []))
    }
}
