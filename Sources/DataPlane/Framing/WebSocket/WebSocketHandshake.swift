import NIOCore
package import SluiceVocabulary

/// The parts of the opening handshake (RFC 6455 section 4.2) that are not HTTP.
package enum WebSocketHandshake {
    /// The value of `Sec-WebSocket-Accept`.
    ///
    /// - Returns: nil where `key` is not the base64 form of 16 bytes; the request is bad then.
    package static func acceptKey(for key: String) -> String? {
        // 16 bytes are 22 characters and two of padding.
        guard key.utf8.count == 24, isSixteenBytes(Array(key.utf8)) else { return nil }
        let digest = SHA1.digest(
            Array(key.utf8) + Array("258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8))
        var buffer = ByteBuffer()
        digest.withBytes { Base64.append($0, to: &buffer) }
        return String(buffer: buffer)
    }

    private static func isSixteenBytes(_ key: [UInt8]) -> Bool {
        // A backslash would be read as a JSON escape; it is no base64 anyway.
        if key.contains(0x5C) { return false }
        var count = 0
        let isBase64 = key.withBytes { bytes in
            Base64.decode(ByteRange(0, bytes.byteCount), in: bytes, sink: { _ in count += 1 })
        }
        return isBase64 && count == 16
    }

    /// What the sub-protocols a client offers come to.
    package struct Choice: Sendable, Equatable {
        /// How envelopes are written; nil = the first frame's opcode decides.
        package var codec: Codec?
        /// The protocol version; nil = the first envelope decides.
        package var version: ProtocolVersion?
        /// The sub-protocol to answer with; nil = none. Never one that holds a token.
        package var chosen: String?
        /// The token of `bearer.<token>`.
        package var bearer: String?
        /// The request must be refused: `badRequest` or `unsupportedVersion`.
        package var error: RefusalKind?

        package init(
            codec: Codec? = nil, version: ProtocolVersion? = nil, chosen: String? = nil,
            bearer: String? = nil,
            error: RefusalKind? = nil
        ) {
            self.codec = codec
            self.version = version
            self.chosen = chosen
            self.bearer = bearer
            self.error = error
        }
    }

    /// The sub-protocols spoken here.
    private static let spoken: [String: (ProtocolVersion, Codec)] = Dictionary(
        uniqueKeysWithValues: ProtocolVersion.allCases.flatMap { version in
            [
                ("sluice.\(version.name)", (version, Codec.protobuf)),
                ("sluice.\(version.name).json", (version, .json)),
            ]
        })

    /// The sub-protocols spoken here, as a refusal lists them.
    package static let spokenList = spoken.keys.sorted().joined(separator: ", ")

    /// Chooses among the offered sub-protocols: the client's first that is spoken here.
    ///
    /// - Parameter offered: values of all `Sec-WebSocket-Protocol` headers; each may be a list.
    package static func choose(offered: [String]) -> Choice {
        var choice = Choice()
        var isVersionUnknown = false
        var bearers = 0
        for name in offered.flatMap({ $0.split(separator: ",") }).map(trimmed) {
            switch name {
            case _ where name.hasPrefix("bearer."):
                bearers += 1
                choice.bearer = String(name.dropFirst(7))
            case _ where name.hasPrefix("sluice."):
                guard let (version, codec) = spoken[name] else {
                    isVersionUnknown = true
                    continue
                }
                if choice.chosen == nil {
                    choice.chosen = name
                    choice.version = version
                    choice.codec = codec
                }
            default: break
            }
        }
        if choice.chosen == nil, isVersionUnknown { choice.error = .unsupportedVersion }
        if let bearer = choice.bearer, choice.error == nil {
            // A token alone would leave the server nothing to answer with (RFC 6455 section 4.1).
            let isGood = choice.chosen != nil && bearers == 1 && isToken(bearer)
            if !isGood { choice.error = .badRequest }
        }
        return choice
    }

    /// Characters of a JWT or an opaque token without padding; `=` has no place in a header token.
    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E, 0x2B: true
                default: false
                }
            }
    }

    /// Optional whitespace around a list element (RFC 9110 section 5.6.1).
    private static func trimmed(_ text: Substring) -> String {
        var part = text
        while let first = part.first, first == " " || first == "\t" { part.removeFirst() }
        while let last = part.last, last == " " || last == "\t" { part.removeLast() }
        return String(part)
    }
}
