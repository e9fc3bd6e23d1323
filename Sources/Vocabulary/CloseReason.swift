/// Every reason for which a connection ends. The catalogue is the one place that names them.
///
/// 4000-4499 ask the client to come back with backoff, 4500-4999 not to; the rest is RFC 6455
/// section 7.4.1. `docs/protocol.md` holds the same table; a test compares the two.
package enum CloseReason: UInt8, Sendable, CaseIterable {
    case clientClosed
    case upgraded
    case connectionLost
    case drain
    case slowConsumer
    case noHeartbeat
    case tokenExpired
    case overload
    case superseded
    case badToken
    case badEnvelope
    case authenticationTimeout
    case permissionDenied
    case handshakeTimeout
    case replaced
    case revoked
    case unsupportedVersion
    case protocolError
    case wrongOpcode
    case invalidUTF8
    case tooLarge
    case tooManyInFlight
    case internalError
    case badRequest
    case idle
    case bodyTimeout
    case tooManyFrames
    case rateLimited
    case deviceRefused

    /// The close code on the wire; 0 where the connection ends without one.
    package var code: UInt16 {
        switch self {
        case .clientClosed: 1000
        case .connectionLost, .handshakeTimeout, .upgraded, .badRequest, .idle, .bodyTimeout,
            .tooManyFrames:
            0
        case .drain: 4000
        case .slowConsumer: 4001
        case .noHeartbeat: 4002
        case .tokenExpired: 4003
        case .overload, .tooManyInFlight, .rateLimited: 4005
        case .superseded: 4006
        case .badToken, .authenticationTimeout: 4500
        case .badEnvelope: 4501
        case .permissionDenied: 4502
        case .replaced, .deviceRefused: 4503
        case .revoked: 4505
        case .unsupportedVersion: 4506
        case .protocolError: 1002
        case .wrongOpcode: 1003
        case .invalidUTF8: 1007
        case .tooLarge: 1009
        case .internalError: 1011
        }
    }

    /// The metric label and journal word.
    package var name: String {
        switch self {
        case .clientClosed: "client_closed"
        case .upgraded: "upgraded"
        case .connectionLost: "connection_lost"
        case .drain: "drain"
        case .slowConsumer: "slow_consumer"
        case .noHeartbeat: "no_heartbeat"
        case .tokenExpired: "token_expired"
        case .overload: "overload"
        case .superseded: "superseded"
        case .badToken: "bad_token"
        case .badEnvelope: "bad_envelope"
        case .authenticationTimeout: "authentication_timeout"
        case .permissionDenied: "permission_denied"
        case .handshakeTimeout: "handshake_timeout"
        case .replaced: "replaced"
        case .revoked: "revoked"
        case .unsupportedVersion: "unsupported_version"
        case .protocolError: "protocol_error"
        case .wrongOpcode: "wrong_opcode"
        case .invalidUTF8: "invalid_utf8"
        case .tooLarge: "too_large"
        case .tooManyInFlight: "too_many_in_flight"
        case .internalError: "internal_error"
        case .badRequest: "bad_request"
        case .idle: "idle"
        case .bodyTimeout: "body_timeout"
        case .tooManyFrames: "too_many_frames"
        case .rateLimited: "rate_limited"
        case .deviceRefused: "device_refused"
        }
    }

    /// The text in the close frame: short, and the same words as the table in docs/protocol.md.
    package var text: String {
        switch self {
        case .clientClosed: "closed by the client"
        case .upgraded: "an HTTP connection became a WebSocket"
        case .connectionLost: "the connection broke"
        case .drain: "the gateway drains; reconnect"
        case .slowConsumer: "you read too slowly"
        case .noHeartbeat: "no sign of life"
        case .tokenExpired: "the token has expired; refresh and reconnect"
        case .overload: "overloaded; reconnect later"
        case .superseded: "a newer connection of this device took over"
        case .badToken: "the token is not accepted"
        case .badEnvelope: "the envelope cannot be read"
        case .authenticationTimeout: "not authenticated in time"
        case .permissionDenied: "the policy does not permit this connection"
        case .handshakeTimeout: "no request in time"
        case .replaced: "another device took over"
        case .revoked: "signed out; log in again"
        case .unsupportedVersion:
            "protocol version not spoken here; spoken: \(ProtocolVersion.list)"
        case .protocolError: "WebSocket protocol error"
        case .wrongOpcode: "frame type does not fit the codec"
        case .invalidUTF8: "text is not UTF-8"
        case .tooLarge: "message too large"
        case .tooManyInFlight: "too many requests without an answer"
        case .internalError: "internal error"
        case .badRequest: "the request is not HTTP"
        case .idle: "no further request in time"
        case .bodyTimeout: "the body stood still"
        case .tooManyFrames: "an HTTP/2 limit was hit"
        case .rateLimited: "too many requests; come back later"
        case .deviceRefused: "too many devices"
        }
    }
}
