/// The way a client is connected.
package enum Transport: UInt8, Sendable, CaseIterable {
    case websocket, tcp, http

    /// The metric label, journal field and policy word.
    package var name: String {
        switch self {
        case .websocket: "websocket"
        case .tcp: "tcp"
        case .http: "http"
        }
    }
}

/// How envelopes are written on a connection: chosen by its first frame or sub-protocol, then fixed.
package enum Codec: UInt8, Sendable, CaseIterable {
    case protobuf, json
}

/// The protocol versions a client can speak, told in `sluice_clients{version}`.
///
/// Numbered from 1 without a gap. What may change without a new one is in docs/protocol.md.
package enum ProtocolVersion: UInt8, Sendable, CaseIterable {
    case v1 = 1
    /// Version 1, and several pushes may come in one envelope (cmd 14).
    case v2

    /// All of them, as refusals list them: `1, 2`.
    package static let list = allCases.map { String($0.rawValue) }.joined(separator: ", ")

    /// The metric label.
    package var name: String { "v\(rawValue)" }
}
