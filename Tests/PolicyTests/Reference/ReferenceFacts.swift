import SluicePolicy
import SluiceVocabulary

/// Who calls, as a test sets it up.
struct Caller: Hashable, CustomStringConvertible {
    var address: [UInt8]
    var user: String?
    var roles: [String] = []
    var claims: [String: ClaimValue] = [:]
    var session: SessionID?
    var device = Device()
    /// A connection has one as long as it lives.
    var transport = Transport.websocket

    var principal: Principal? {
        user.map {
            Principal(user: $0, roles: roles, claims: claims, expiresAtSeconds: nil, tokenID: nil)
        }
    }

    var description: String {
        "\(user ?? "nobody") roles \(roles) claims \(claims) at \(address)"
            + " session \(session?.text ?? "-") device \(device)"
    }
}

/// What a call brings, as a test sets it up.
struct CallSketch: Hashable {
    var action: String
    var bytes = 1
    var transport = Transport.websocket
    var wall: Int64 = 0
    var topic: String?
    var loginUser: String?
    var method: String?
    var headers: [String: String] = [:]
}

/// All that a rule can look at, found anew every time.
struct ReferenceFacts {
    let caller: Caller
    let call: CallSketch

    /// The value of a source: nil when the call has none, else its texts (one, or those of a list).
    func texts(_ source: KeySource) -> [String]? {
        switch source {
        case .claim(let path): claim(path).flatMap(Self.texts)
        case .session: caller.session.map { [$0.text] }
        case .device: Self.present(caller.device.id)
        case .platform: Self.present(caller.device.platform)
        case .app: Self.present(caller.device.app)
        case .address(let bits4, let bits6): [cutAddress(bits4, bits6)]
        case .transport: [call.transport.name]
        case .action: [call.action]
        case .topic: call.topic.map { [$0] }
        case .loginUser: call.loginUser.map { [$0] }
        case .route: call.action.hasPrefix("http.") ? [String(call.action.dropFirst(5))] : nil
        case .method: call.method.map { [$0] }
        case .header(let name): call.headers[name].map { [$0] }
        }
    }

    /// The one text of a source; nil when the call has none, or a list.
    func text(_ source: KeySource) -> String? {
        if case .claim(let path) = source { return claim(path)?.scalarText }
        return texts(source)?.first
    }

    /// One part of a bucket's key: the value, or in its place the address.
    func keyPart(_ source: KeySource) -> String {
        text(source).map { "value \($0)" } ?? "address " + cutAddress(32, 64)
    }

    func claim(_ path: [String]) -> ClaimValue? {
        guard let user = caller.user, let first = path.first else { return nil }
        if path == ["sub"] { return .string(user) }
        if path == ["roles"] { return .array(caller.roles.map { .string($0) }) }
        var value = caller.claims[first]
        for name in path.dropFirst() {
            guard case .object(let members) = value else { return nil }
            value = members[name]
        }
        return value
    }

    private static func texts(_ value: ClaimValue) -> [String]? {
        switch value {
        case .null: nil
        case .object: []
        case .array(let items): items.compactMap(\.scalarText)
        default: [value.scalarText ?? ""]
        }
    }

    private static func present(_ text: String) -> [String]? { text.isEmpty ? nil : [text] }

    /// The address in bits, IPv4 in IPv6 as IPv4, as many as asked for.
    private func cutAddress(_ bits4: UInt8, _ bits6: UInt8) -> String {
        var bytes = caller.address
        if bytes.count == 16, bytes[..<10].allSatisfy({ $0 == 0 }), bytes[10...11] == [255, 255] {
            bytes = Array(bytes[12...])
        }
        let kept = Int(bytes.count == 4 ? bits4 : bits6)
        let cut = bytes.enumerated().map { place, byte in
            let left = max(0, min(8, kept - place * 8))
            return left == 0 ? 0 : (byte >> (8 - left)) << (8 - left)
        }
        let text = IPAddress(bytes: cut)?.text ?? ""
        return kept == bytes.count * 8 ? text : "\(text)/\(kept)"
    }
}
