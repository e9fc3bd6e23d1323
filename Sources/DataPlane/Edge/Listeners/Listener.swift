/// What a listener speaks.
package enum ListenerProtocol: String, Sendable, CaseIterable {
    /// WebSocket at `/ws`, the HTTP API and routes.
    case http
    /// Envelopes behind four bytes of length.
    case tcp
}

/// A place where clients connect, and what is spoken there.
///
/// `Listener+Binding.swift` opens it, `Listener+Pipeline.swift` is the way of a new connection.
package struct Listener: Sendable {
    /// Names the listener in the configuration, the journal and the metrics.
    package let name: String
    package let kind: ListenerProtocol
    package internal(set) var endpoint: Endpoint
    /// Every connection begins with a PROXY header, and comes from a trusted proxy.
    package let proxyProtocol: Bool

    package init(
        name: String = "main", kind: ListenerProtocol = .http,
        endpoint: Endpoint = .ip(address: "127.0.0.1", port: 0), proxyProtocol: Bool = false
    ) {
        self.name = name
        self.kind = kind
        self.endpoint = endpoint
        self.proxyProtocol = proxyProtocol
    }
}
