import NIOHTTP1
import SluiceVocabulary

/// The way a request has come, as far as it is believed: the client first, our peer last.
///
/// A proxy appends the address it was spoken to from. So the list is read from the right, starting
/// with our own peer, and goes on only past addresses that are trusted proxies themselves; what
/// stands further left anybody may have written.
struct ForwardedChain {
    private(set) var addresses: [IPAddress] = []
    /// The client spoke TLS, by the word of the nearest proxy; nil where it says nothing.
    private(set) var isSecure: Bool?

    /// Most proxies that are looked at.
    private static let maxHops = 32

    /// - Returns: nil when the peer is not believed, or says nothing about the client.
    init?(
        _ headers: HTTPHeaders, peer: Peer, trusted: TrustedProxies,
        field: HTTPSettings.ClientAddressField
    ) {
        guard trusted.contains(peer.address) else { return nil }
        let named: [IPAddress?]
        let usesOld = field != .forwarded && headers.contains(name: "x-forwarded-for")
        if usesOld || field == .xForwardedFor {
            named = headers[canonicalForm: "x-forwarded-for"].map { Self.address($0) }
        } else {
            named = Forwarded.elements(headers["forwarded"]).map { element in
                element["for"].flatMap { Self.address($0[...]) }
            }
        }
        isSecure = Self.scheme(headers, usesOld || field == .xForwardedFor)
        walk(named, from: peer, trusted)
        if addresses.isEmpty, isSecure == nil { return nil }
    }

    private mutating func walk(_ named: [IPAddress?], from peer: Peer, _ trusted: TrustedProxies) {
        if let address = peer.address { addresses = [address] }
        for address in named.reversed().prefix(Self.maxHops) {
            // `unknown`, a made-up name, nonsense: the proxy behind it is all we know.
            guard let address else { break }
            addresses.insert(address, at: 0)
            guard trusted.contains(address) else { break }
        }
    }

    private static func scheme(_ headers: HTTPHeaders, _ usesOld: Bool) -> Bool? {
        let last =
            usesOld
            ? headers[canonicalForm: "x-forwarded-proto"].last.map(String.init)
            : Forwarded.elements(headers["forwarded"]).last?["proto"]
        switch last?.lowercased() {
        case "https", "wss": return true
        case "http", "ws": return false
        default: return nil
        }
    }

    /// An address, with or without a port: `192.0.2.1:80`, `[2001:db8::1]:80`, `2001:db8::1`.
    private static func address(_ text: Substring) -> IPAddress? {
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            return IPAddress(text[text.index(after: text.startIndex)..<end])
        }
        if text.contains("."), let colon = text.firstIndex(of: ":"),
            text[text.index(after: colon)...].allSatisfy(\.isNumber)
        {
            return IPAddress(text[..<colon])
        }
        return IPAddress(text)
    }
}

/// The field `Forwarded` (RFC 7239 section 4).
enum Forwarded {
    /// The elements of all its fields, in their order; parameter names in lower case.
    static func elements(_ fields: [String]) -> [[String: String]] {
        fields.flatMap { split($0, at: ",") }.map { element in
            var parameters: [String: String] = [:]
            for pair in split(element[...], at: ";") {
                let parts = pair.split(separator: "=", maxSplits: 1)
                guard parts.count == 2 else { continue }
                parameters[trim(parts[0]).lowercased()] = unquote(trim(parts[1]))
            }
            return parameters
        }
    }

    private static func trim(_ text: Substring) -> Substring {
        var text = text
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }

    private static func unquote(_ text: Substring) -> String {
        guard text.count >= 2, text.first == "\"", text.last == "\"" else { return String(text) }
        return String(text.dropFirst().dropLast().filter { $0 != "\\" })
    }

    /// Parts at a separator outside of quotes.
    private static func split(_ text: some StringProtocol, at separator: Character) -> [String] {
        var parts: [String] = []
        var part = ""
        var isQuoted = false
        var isEscaped = false
        for character in text {
            if isEscaped {
                isEscaped = false
            } else if isQuoted, character == "\\" {
                isEscaped = true
            } else if character == "\"" {
                isQuoted.toggle()
            } else if character == separator, !isQuoted {
                parts.append(part)
                part = ""
                continue
            }
            part.append(character)
        }
        parts.append(part)
        return parts
    }

    /// An address as the value of `for` (RFC 7239 section 6).
    static func node(_ address: IPAddress?) -> String {
        guard let address else { return "unknown" }
        return address.isV4 ? address.text : "\"[\(address.text)]\""
    }
}

extension HTTPEntry {
    /// Finds out whose request this is: the peer's own, or that of a client behind trusted proxies.
    func settleClient(_ head: HTTPRequestHead) {
        let known = peer
        let chain = ForwardedChain(
            head.headers, peer: socketPeer, trusted: edge.snapshot.trustedProxies,
            field: edge.snapshot.http.clientAddress)
        way = chain?.addresses ?? socketPeer.address.map { [$0] } ?? []
        if let chain {
            become(
                Peer(
                    address: way.first ?? socketPeer.address,
                    port: way.count > 1 ? 0 : socketPeer.port,
                    isSecure: chain.isSecure ?? socketPeer.isSecure, listener: socketPeer.listener,
                    clientCertificate: socketPeer.clientCertificate))
        } else if known !== socketPeer {
            become(socketPeer)
        }
    }

    /// Tells a route's service where the request comes from. `HopByHop.stripRequest` goes before it.
    ///
    /// - Parameter head: the request as it came.
    func addForwarded(to headers: inout HTTPHeaders, of head: HTTPRequestHead) {
        let scheme = peer.isSecure ? "https" : "http"
        let host = head.headers.first(name: "host") ?? ""
        let names = way.isEmpty ? ["unknown"] : way.map(\.text)
        headers.add(name: "X-Forwarded-For", value: names.joined(separator: ", "))
        headers.add(name: "X-Forwarded-Proto", value: scheme)
        headers.add(name: "X-Forwarded-Host", value: host)
        var elements = way.isEmpty ? ["for=unknown"] : way.map { "for=\(Forwarded.node($0))" }
        elements[0] += ";host=\"\(host)\";proto=\(scheme)"
        headers.add(name: "Forwarded", value: elements.joined(separator: ", "))
    }
}
