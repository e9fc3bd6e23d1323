import NIOCore
import NIOHTTP1
import SluiceFraming
import SluicePolicy
import SluiceVocabulary

/// The WebSocket handshake (RFC 6455 section 4.2), with the token wherever a client can put it.
extension HTTPEntry {
    func upgrade(_ head: HTTPRequestHead) {
        if reader.expectsBody { return violated(.upgradeWithBody) }
        guard http2 == nil else {
            let text = "WebSocket is spoken over HTTP/1.1 here."
            return answer(.problem(Refusal(.badRequest, message: text)))
        }

        guard
            head.headers[canonicalForm: "upgrade"].contains(where: {
                $0.lowercased() == "websocket"
            }),
            head.headers[canonicalForm: "connection"].contains(where: {
                $0.lowercased() == "upgrade"
            })
        else {
            let refusal = Refusal(.badRequest, message: "This path speaks WebSocket (RFC 6455).")
            var answer = HTTPAnswer.problem(refusal, status: 426)
            answer.headers += [("Upgrade", "websocket"), ("Connection", "upgrade")]
            return self.answer(answer)
        }
        guard head.headers["sec-websocket-version"] == ["13"] else {
            let refusal = Refusal(.badRequest, message: "WebSocket version 13 is spoken.")
            var answer = HTTPAnswer.problem(refusal, status: 426)
            answer.headers.append(("Sec-WebSocket-Version", "13"))
            return self.answer(answer)
        }
        guard head.headers["sec-websocket-key"].count == 1,
            let key = head.headers.first(name: "sec-websocket-key"),
            let accept = WebSocketHandshake.acceptKey(for: key)
        else {
            return refuse(
                Refusal(.badRequest, message: "Sec-WebSocket-Key is not 16 bytes of base64."))
        }
        guard allowsOrigin(head) else { return refuseOrigin(.sessionConnect) }
        let offered = head.headers[canonicalForm: "sec-websocket-protocol"].map(String.init)
        let choice = WebSocketHandshake.choose(offered: offered)
        if choice.error == .unsupportedVersion { return refuseVersion(head, accept: accept) }
        if let refusal = choice.error { return refuse(Refusal(refusal)) }
        open(head, accept: accept, choice)
    }

    private func refuse(_ refusal: Refusal) {
        edge.accountHTTP(self, .sessionConnect, edge.tick.now, 0, 0, refusal)
        answer(.problem(refusal), closing: true)
    }

    /// None of the sub-protocols offered is spoken here: the refusal names those that are.
    private func refuseVersion(_ head: HTTPRequestHead, accept: String) {
        let refusal = Refusal(
            .unsupportedVersion,
            message: "This protocol version is not spoken here; spoken: "
                + WebSocketHandshake.spokenList + ".")
        let opening = Opening(
            accept: accept, codec: nil, version: nil, chosen: nil, device: Device(),
            isBrowser: head.headers.contains(name: "origin"))
        turnAway(opening, AdmissionFailure(refusal: refusal, reason: .unsupportedVersion))
    }

    private func open(
        _ head: HTTPRequestHead, accept: String,
        _ choice: WebSocketHandshake.Choice
    ) {
        let query = QueryItems(head.uri)
        let device = Device(
            id: query["device"] ?? "", platform: query["platform"] ?? "", app: query["app"] ?? "")
        let opening = Opening(
            accept: accept, codec: choice.codec, version: choice.version, chosen: choice.chosen,
            device: device,
            isBrowser: head.headers.contains(name: "origin"))
        guard let (token, method) = token(head, query, choice) else {
            return switchProtocols(client(opening), opening)
        }
        edge.authenticate(Array(token.utf8), method: method) { [self] result in
            guard !isClosed else {
                return edge.accountHTTP(self, .sessionConnect, edge.tick.now, 0, 0, .clientGone)
            }
            switch result {
            case .success(let principal): open(opening, principal)
            case .failure(let failure): turnAway(opening, failure)
            }
        }
    }

    /// A handshake that is in order, while somebody finds out whose it is.
    struct Opening {
        let accept: String
        let codec: Codec?
        let version: ProtocolVersion?
        /// The sub-protocol agreed on.
        let chosen: String?
        let device: Device
        let isBrowser: Bool
    }

    private func client(_ opening: Opening) -> ClientConnection {
        let client = ClientConnection(
            edge: edge, transport: .websocket, peer: peer, codec: opening.codec,
            version: opening.version)
        if let head, edge.evaluator.needs(.sessionConnect).contains(.http) {
            client.handshake = HandshakeFacts(head, names: edge.snapshot.policy.headerNames)
        }
        return client
    }

    /// Asks the policy whether somebody may hold a connection. Where he must wait, the upgrade does.
    private func open(_ opening: Opening, _ principal: Principal) {
        subject.identify(principal: principal, session: nil, device: opening.device)
        let question = PolicyQuestion(
            place: .request(self), subject: subject, principal: principal,
            call: { [self] in policyCall(.sessionConnect, transport: .websocket) })
        let started = edge.tick.now
        edge.ask(question) { [self] answer in
            switch answer {
            case .no(let refusal, _):
                turnAway(opening, AdmissionFailure(refusal, of: principal), since: started)
            case .go(let permit, _):
                let client = client(opening)
                edge.welcome(client, principal, device: opening.device, permit)
                switchProtocols(client, opening) {
                    if client.codec == nil {
                        client.owesAuthReply = true
                    } else {
                        edge.sendAuthReply(client, seq: 0)
                    }
                    edge.drain?.tell(client)
                }
            }
        }
    }

    private func turnAway(
        _ opening: Opening, _ failure: AdmissionFailure, since started: MonotonicTime? = nil
    ) {
        edge.accountHTTP(
            self, .sessionConnect, started ?? edge.tick.now, 0, 0, failure.refusal,
            user: failure.user)
        guard !isClosed, responsePhase == .none else { return }
        if opening.isBrowser {
            // A browser cannot read a failed upgrade, only a close code.
            let client = client(opening)
            switchProtocols(client, opening) { client.close(failure.reason) }
        } else {
            deny(failure.refusal, closing: true)
        }
    }

    private func token(
        _ head: HTTPRequestHead, _ query: QueryItems, _ choice: WebSocketHandshake.Choice
    ) -> (token: String, method: String)? {
        if let value = head.headers.first(name: "authorization"),
            value.prefix(7).lowercased() == "bearer "
        {
            return (String(value.dropFirst(7)), "header")
        }
        if let token = choice.bearer { return (token, "subprotocol") }
        if let token = query["token"] { return (token, "query") }
        return nil
    }

    private func switchProtocols(
        _ client: ClientConnection, _ opening: Opening, greeting: () -> Void = {}
    ) {
        guard let context else { return client.channelClosed() }
        var buffer = context.channel.allocator.buffer(capacity: 192)
        buffer.writeString(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Accept: \(opening.accept)\r\n")
        if let chosen = opening.chosen {
            buffer.writeString("Sec-WebSocket-Protocol: \(chosen)\r\n")
        }
        buffer.writeString("\r\n")
        context.write(wrapOutboundOut(buffer), promise: nil)
        context.flush()
        if !hand(over: context, to: client, greeting: greeting) { client.channelClosed() }
    }
}

/// The query of a request target, percent-decoded (RFC 3986 section 2.1). The first of a name counts.
struct QueryItems {
    private var items: [String: String] = [:]

    init(_ uri: String) {
        guard let mark = uri.firstIndex(of: "?") else { return }
        for pair in uri[uri.index(after: mark)...].split(separator: "&").prefix(32) {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = Self.decode(parts[0])
            if items[name] == nil { items[name] = parts.count > 1 ? Self.decode(parts[1]) : "" }
        }
    }

    subscript(_ name: String) -> String? { items[name] }

    static func decode(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let high = rest.first.flatMap(hex),
                let low = rest.dropFirst().first.flatMap(hex)
            {
                bytes.append(high << 4 | low)
                rest.removeFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func hex(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
