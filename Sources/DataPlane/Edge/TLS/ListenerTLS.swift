package import NIOSSL

/// A listener's TLS as it is in force: for every handshake that begins from now on.
package final class ListenerTLS: Sendable {
    /// Certificates, versions, protocols offered, and whose client certificates are taken.
    package let context: NIOSSLContext
    /// Who a verified client certificate (DER) says the client is, for the journal.
    package let identify: @Sendable ([UInt8]) -> String

    package init(
        context: NIOSSLContext, identify: @escaping @Sendable ([UInt8]) -> String
    ) {
        self.context = context
        self.identify = identify
    }
}
