/// Where a listener listens.
package enum Endpoint: Sendable, Equatable {
    /// An IP address, with its zone where it has one; port 0 = any free one.
    case ip(address: String, port: Int)
    /// A Unix socket's absolute path, and the permission bits it gets.
    case unix(path: String, mode: UInt16)

    /// `127.0.0.1:8080`, `[::1]:8080`, `unix:/run/sluice/clients.sock`.
    package var text: String {
        switch self {
        case .ip(let address, let port):
            address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
        case .unix(let path, _): "unix:\(path)"
        }
    }

    /// The port; nil of a Unix socket.
    package var port: Int? {
        guard case .ip(_, let port) = self else { return nil }
        return port
    }
}
