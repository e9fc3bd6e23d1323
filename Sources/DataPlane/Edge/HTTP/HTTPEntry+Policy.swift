import NIOHTTP1
import SluicePolicy
import SluiceVocabulary

/// A request as the policy sees it, and what a client is told of the verdict.
extension HTTPEntry {
    /// A question to the policy as the journal tells it.
    struct Asked {
        /// When.
        let wall: WallTime
        /// What limits on bytes counted.
        let bytes: Int
        /// Whose request it is, as far as that was proven.
        let principal: Principal?
    }

    /// The request under way as a call, with method and header fields where the policy looks at them.
    ///
    /// - Parameter transport: another one where the request asks for it.
    func policyCall(
        _ action: ActionID, bytes: Int = 0, loginUser: String? = nil, transport: Transport = .http
    ) -> PolicyCall {
        asked = Asked(wall: edge.tick.wall, bytes: bytes, principal: subject.principal)
        guard let head, edge.evaluator.needs(action).contains(.http) else {
            return PolicyCall(
                action: action, bytes: bytes, transport: transport, wall: edge.tick.wall,
                loginUser: loginUser)
        }
        return PolicyCall(
            action: action, bytes: bytes, transport: transport, wall: edge.tick.wall,
            loginUser: loginUser, method: head.method.rawValue,
            headers: edge.snapshot.policy.headerNames.map { head.headers.text(of: $0) })
    }

    /// Answers with a refusal, as much of it as clients are told.
    ///
    /// - Parameters:
    ///   - closes: the policy wants the connection to end with it.
    ///   - closing: it ends anyway.
    func deny(_ refusal: Refusal, closes: Bool = false, closing: Bool = false) {
        answer(
            .problem(refusal.told(by: edge.snapshot.http)), closing: closes || closing,
            reason: closes ? .rateLimited : .clientClosed)
        // A stream has no connection of its own to close.
        if closes { http2?.retire(.rateLimited) }
    }

    /// What a permitted request's answer tells of the tightest limit.
    func limitFields(of permit: Permit) -> [(String, String)] {
        let settings = edge.snapshot.http
        guard settings.tellsRateLimits, let facts = edge.evaluator.facts(of: permit) else {
            return []
        }
        return facts.told(by: settings).fields
    }
}
