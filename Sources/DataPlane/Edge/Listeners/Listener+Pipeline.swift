package import NIOCore
import NIOSSL
import SluiceVocabulary

/// The way of a new connection: admission -> PROXY header -> TLS -> protocol.
///
/// Each stage ends by calling the next with what it has learnt about the peer. The place in the
/// admission belongs to the channel and is given back when that closes, whatever stage it is in.
extension Listener {
    /// Admission: takes a connection, or not when the process holds as many as it may.
    ///
    /// - Throws: when there is no place; the channel then closes.
    package func accept(_ channel: any Channel, _ edge: EdgeLoop) throws {
        let admission = edge.admission
        guard admission.enter() else {
            edge.meters.limitExceeded("max_connections")
            throw AdmissionRefused()
        }
        channel.closeFuture.whenComplete { _ in admission.leave() }
        try startTLS(channel, edge, Peer(channel.remoteAddress, listener: name))
    }

    /// TLS where the listener has it, as the snapshot in force says. The peer's address is settled
    /// by now. A plain connection gets no handler for it.
    func startTLS(_ channel: any Channel, _ edge: EdgeLoop, _ peer: Peer) throws {
        guard let tls = edge.snapshot.tls[name] else {
            return try startProtocol(channel, edge, peer, alpn: nil)
        }
        let handler = NIOSSLServerHandler(context: tls.context)
        let entry = TLSEntry(listener: self, edge: edge, peer: peer, tls: tls, handler: handler)
        try channel.pipeline.syncOperations.addHandlers(handler, entry)
    }

    /// The protocol, once the bytes are the client's own.
    ///
    /// - Parameter alpn: what the TLS handshake agreed on; nil without TLS or without agreement.
    func startProtocol(
        _ channel: any Channel, _ edge: EdgeLoop, _ peer: Peer, alpn: String?
    ) throws {
        switch kind {
        case .http where alpn == "h2": try HTTPEntry.configureHTTP2(channel, edge, peer)
        case .http: try HTTPEntry.configureHTTP1(channel, edge, peer)
        case .tcp: try ClientConnection.configureTCP(channel, edge, peer)
        }
    }
}

/// The process holds as many connections as it may; NIO closes a channel whose initialiser throws.
struct AdmissionRefused: Error {}
