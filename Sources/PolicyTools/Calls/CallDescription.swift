import SluiceDocuments
import SluicePolicy
import SluiceVocabulary

/// One call as a test or `explain` describes it.
struct CallDescription: Sendable, Hashable {
    var caller: Caller
    var action: String
    var bytes = 0
    var topic: String?
    var loginUser: String?
    var method: String?
    /// By name in lower case.
    var headers: [String: String] = [:]

    init(caller: Caller, action: String) {
        self.caller = caller
        self.action = action
    }

    /// What the caller says, else what suits: routes are HTTP, most else is a WebSocket.
    var transport: Transport {
        if let named = caller.transport { return named }
        let isHTTP = action.hasPrefix("http.") || method != nil || !headers.isEmpty
        return isHTTP ? .http : .websocket
    }

    /// The call as the gateway would put it to this policy.
    func call(_ snapshot: PolicySnapshot, wall: WallTime) -> PolicyCall {
        PolicyCall(
            action: snapshot.catalog.action(named: action) ?? .unknown, bytes: bytes,
            transport: transport, wall: wall, topic: topic, loginUser: loginUser, method: method,
            headers: snapshot.headerNames.map { headers[$0] })
    }

    /// What comes from services and operators passes limits, not permissions; so does what nobody
    /// could permit, a command that nobody declared.
    var meetsLimitsAlone: Bool {
        [ActionID.pushSend, .adminCall, .unknown].contains {
            action == ActionCatalog.builtIn[$0.index]
        }
    }
}

extension ActionCatalog {
    /// What to write in place of a name that is no action.
    func hint(for name: String) -> String? { suggestion(for: name, among: names) }
}
