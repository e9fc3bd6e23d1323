package import NIOCore
package import SluiceVocabulary

/// Who is at the other end of a connection, as far as the listener's stages know it.
///
/// Immutable: a stage that learns more (PROXY header, TLS) makes a new one for the next stage.
package final class Peer: Sendable {
    /// The client's address; behind a PROXY header the one the header names. Nil = a Unix socket.
    package let address: IPAddress?
    /// The client's port; 0 = unknown.
    package let port: Int
    /// The address as people read it, for journal and services; `unix` for a Unix socket.
    package let text: String
    /// The bytes came over TLS.
    package let isSecure: Bool
    /// Name of the listener.
    package let listener: String
    /// Who the client's verified certificate says it is; nil without one.
    package let clientCertificate: String?

    package init(
        address: IPAddress?, port: Int = 0, isSecure: Bool = false, listener: String,
        clientCertificate: String? = nil
    ) {
        self.address = address
        self.port = port
        text = address?.text ?? "unix"
        self.isSecure = isSecure
        self.listener = listener
        self.clientCertificate = clientCertificate
    }

    /// The socket's other end.
    package convenience init(_ remote: SocketAddress?, listener: String) {
        // The kernel's own text form: cheap next to accepting a connection, and no unsafe code.
        let address = remote?.ipAddress.flatMap { IPAddress($0) }
        self.init(
            address: address, port: address == nil ? 0 : remote?.port ?? 0, listener: listener)
    }

    /// The same peer once TLS stands.
    package func secured(clientCertificate: String?) -> Peer {
        Peer(
            address: address, port: port, isSecure: true, listener: listener,
            clientCertificate: clientCertificate)
    }

    /// The address in network order: 4 bytes, 16, or none for a Unix socket.
    var bytes: [UInt8] { address?.bytes ?? [] }
}
