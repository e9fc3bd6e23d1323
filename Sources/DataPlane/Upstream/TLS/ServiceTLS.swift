import NIOCore
package import NIOSSL

/// How connections to a service are encrypted, and which certificate the service must show.
///
/// Read from files before it is published: making a context blocks, using one does not.
package struct ServiceTLS: Sendable, Equatable {
    /// Trust roots, our own certificate where there is one, and the protocols offered (ALPN).
    package let context: NIOSSLContext
    /// The same, offering nothing but HTTP/1.1; nil = `context` offers no more.
    private let http1: NIOSSLContext?
    /// The name the service's certificate is to hold; nil = the host of the instance.
    package let serverName: String?
    /// Changes with the content of any file behind `context`. Holds no secret.
    package let fingerprint: String

    package init(
        context: NIOSSLContext, http1: NIOSSLContext? = nil, serverName: String?,
        fingerprint: String
    ) {
        self.context = context
        self.http1 = http1
        self.serverName = serverName
        self.fingerprint = fingerprint
    }

    /// For connections that are to become something else than HTTP/2.
    var overHTTP1: Self {
        Self(context: http1 ?? context, serverName: serverName, fingerprint: fingerprint)
    }

    /// The handler that goes first into the pipeline of a connection to an instance on `host`.
    ///
    /// A name is sent as SNI and held against the certificate (RFC 9525); NIOSSL is also content
    /// with a certificate for the very address it is connected to. An IP address is never sent
    /// (RFC 6066 section 3); the certificate must then hold the address itself.
    /// - Throws: when `host` can be no certificate's name.
    package func makeHandler(host: String) throws -> NIOSSLClientHandler {
        let name = serverName ?? host
        let isAddress = (try? SocketAddress(ipAddress: name, port: 0)) != nil
        return try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : name)
    }

    package static func == (left: Self, right: Self) -> Bool {
        left.fingerprint == right.fingerprint && left.serverName == right.serverName
    }
}
