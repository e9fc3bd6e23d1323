import NIOHTTP1
import SluiceFraming
import SluicePolicy
import SluiceVocabulary

/// `POST /v1/logout`: the bearer's token is revoked, and the refresh token the body may name.
extension HTTPEntry {
    func logOut(_ head: HTTPRequestHead) {
        let started = edge.tick.now
        let bytesIn = body.count
        let refreshToken: [UInt8]?
        do throws(Refusal) {
            refreshToken = try refreshTokenOfBody()
        } catch {
            return loggedOut(error, started, bytesIn, user: nil)
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

    /// The refresh token that shall end too; nil where the body names none.
    private func refreshTokenOfBody() throws(Refusal) -> [UInt8]? {
        if body.isEmpty { return nil }
        guard let request = try? JSONValue(parsing: body), case .object = request else {
            throw Self.badLogout
        }
        guard let value = request["refresh_token"] else { return nil }
        guard let token = value.string else { throw Self.badLogout }
        return Array(token.utf8)
    }

    private static let badLogout = Refusal(
        .badRequest, message: "Expected {\"refresh_token\": \"...\"} or nothing.")

    private func loggedOut(
        _ refusal: Refusal?, _ started: MonotonicTime, _ bytesIn: Int, user: String?
    ) {
        edge.accountHTTP(self, .authRefresh, started, bytesIn, 0, refusal, user: user)
        guard !isClosed else { return }
        answer(refusal.map { .problem($0) } ?? HTTPAnswer(status: 204, body: []))
    }
}
