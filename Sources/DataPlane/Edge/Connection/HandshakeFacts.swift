import NIOHTTP1
import SluicePolicy
import SluiceVocabulary

/// What of a WebSocket's handshake a policy asks about `session.connect`, kept with the connection:
/// its first frame may bring the token, and a reload asks again.
///
/// Only what the policy in force at the handshake looks at is kept.
final class HandshakeFacts {
    private let method: String
    private let names: [String]
    private let values: [String?]

    init(_ head: HTTPRequestHead, names: [String]) {
        method = head.method.rawValue
        self.names = names
        values = names.map { head.headers.text(of: $0) }
    }

    /// The handshake as a call. Fields that were not kept count as absent.
    ///
    /// - Parameter wanted: what the policy in force now looks at.
    /// - Returns: with it, whether all of them were kept: else nobody knows whether they were there.
    func call(wanted: [String], wall: WallTime) -> (call: PolicyCall, isComplete: Bool) {
        var isComplete = true
        let headers = wanted.map { name -> String? in
            guard let place = names.firstIndex(of: name) else {
                isComplete = false
                return nil
            }
            return values[place]
        }
        let call = PolicyCall(
            action: .sessionConnect, bytes: 0, transport: .websocket, wall: wall, loginUser: nil,
            method: method, headers: headers)
        return (call, isComplete)
    }
}

@available(*, unavailable)
extension HandshakeFacts: Sendable {}

extension HTTPHeaders {
    /// A field's value as one text (RFC 9110 section 5.3); nil when there is no such field.
    func text(of name: String) -> String? {
        let values = self[name]
        return values.isEmpty ? nil : values.joined(separator: ", ")
    }
}

extension EdgeLoop {
    /// A connection as the policy sees it that wants to be there, or to stay.
    ///
    /// - Returns: whether all is known that the policy asks about.
    func connectCall(of client: ClientConnection) -> (call: PolicyCall, isComplete: Bool) {
        let call = PolicyCall(
            action: .sessionConnect, bytes: 0, transport: client.transport, wall: tick.wall)
        guard client.transport == .websocket, evaluator.needs(.sessionConnect).contains(.http)
        else { return (call, true) }
        let wanted = snapshot.policy.headerNames
        guard let handshake = client.handshake else { return (call, wanted.isEmpty) }
        return handshake.call(wanted: wanted, wall: tick.wall)
    }
}
