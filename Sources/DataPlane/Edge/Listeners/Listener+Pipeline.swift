package import NIOCore
import NIOSSL
import SluiceVocabulary

/// The way of a new connection: admission -> PROXY header -> TLS -> protocol.
///
/// Each stage ends by calling the next with what it has learnt about the peer. The place in the
/// admission belongs to the channel and is given back when that closes, whatever stage it is in.
extension Listener {
    /// Admission: takes a connection, or turns it away when the process holds as many as it may.
    ///
    /// - Throws: when there is nothing to say to a client that is not taken; the channel then closes.
    package func accept(_ channel: any Channel, _ edge: EdgeLoop) throws {
        let admission = edge.admission
        guard admission.enter() else {
            edge.meters.limitExceeded("max_connections")
            return try turnAway(channel, edge)
        }
        channel.closeFuture.whenComplete { _ in admission.leave() }
        let peer = Peer(channel.remoteAddress, listener: name)
        guard proxyProtocol else { return try startTLS(channel, edge, peer) }
        try startProxy(channel, edge, peer)
    }

    private func turnAway(_ channel: any Channel, _ edge: EdgeLoop) throws {
        // Words without TLS would mean nothing to a client that speaks it.
        guard edge.snapshot.tls[name] == nil, edge.turnedAway < TurnedAway.maxLingering else {
            throw AdmissionRefused()
        }
        try channel.pipeline.syncOperations.addHandler(TurnedAway(edge: edge, kind: kind))
    }

    /// The PROXY header, which only a trusted proxy may send: it says who the client is.
    ///
    /// - Throws: where the proxy is not trusted; the channel then closes.
    private func startProxy(_ channel: any Channel, _ edge: EdgeLoop, _ peer: Peer) throws {
        guard edge.snapshot.trustedProxies.contains(peer.address) else {
            edge.tick.begin()
            edge.meters.proxyHeader(name, .untrusted)
            edge.accountRefusedProxy(self, peer, .untrusted, "not from one of trusted_proxies")
            throw AdmissionRefused()
        }
        let entry = ProxyEntry(listener: self, edge: edge, peer: peer)
        try channel.pipeline.syncOperations.addHandler(entry)
    }

    /// TLS where the listener has it, as the snapshot in force says. The peer's address is settled
    /// by now. A plain connection gets no handler for it.
    func startTLS(_ channel: any Channel, _ edge: EdgeLoop, _ peer: Peer) throws {
        guard let tls = edge.snapshot.tls[name] else {
            return try startProtocol(channel, edge, peer, alpn: nil)
        }
        try TLSEntry.boundReads(of: channel)
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
