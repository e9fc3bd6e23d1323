import SluiceDocuments
import SluicePolicy

extension PolicyReader {
    static let plainSources: KeyValuePairs<String, KeySource> = [
        "token.sub": .claim(["sub"]), "session.device": .device, "session.id": .session,
        "connection.address": .address(bits4: 32, bits6: 64), "message.topic": .topic,
        "login.user": .loginUser,
    ]

    func readDescriptors(_ mapping: DocumentMapping) {
        for entry in mapping.entries {
            _ = mapping.optional(entry.key)
            guard isName(entry.key, what: "descriptor", at: entry.keyPosition) else { continue }
            if let other = descriptors[entry.key] {
                sink.error(
                    "descriptor `\(entry.key)` is already defined at \(other.position.text)",
                    at: entry.keyPosition, hint: "keep one of them")
            } else if let source = source(entry.value) {
                descriptors[entry.key] = Descriptor(source: source, position: entry.keyPosition)
            } else {
                // Wrong, but defined: its uses need no errors of their own.
                descriptors[entry.key] = Descriptor(
                    source: .claim([]), position: entry.keyPosition, isUsed: true)
            }
        }
    }

    /// What a descriptor takes from the call.
    private func source(_ value: DocumentValue) -> KeySource? {
        guard !value.isNull, let text = value.string(sink) else { return nil }
        if let plain = Self.plainSources.first(where: { $0.key == text }) { return plain.value }
        if text.hasPrefix("token.") { return claim(text, value) }
        if text.hasPrefix("connection.address/") { return address(text, value) }
        let names = Self.plainSources.map(\.key)
        sink.error(
            "`\(text)` is nothing a call has", at: value.position,
            hint: suggestion(for: text, among: names))
        return nil
    }

    private func claim(_ text: String, _ value: DocumentValue) -> KeySource? {
        let path = text.split(separator: ".", omittingEmptySubsequences: false).dropFirst().map(
            String.init)
        guard !path.contains(""), path.count <= 8 else {
            sink.error(
                "`\(text)` is no path to a claim", at: value.position, hint: "as in `token.sub`")
            return nil
        }
        return .claim(path)
    }

    /// `connection.address/32,/64`: bits that count of an IPv4 and of an IPv6 address.
    private func address(_ text: String, _ value: DocumentValue) -> KeySource? {
        let parts = text.dropFirst("connection.address".count).split(
            separator: ",", omittingEmptySubsequences: false)
        let bits = parts.map { $0.hasPrefix("/") ? UInt8($0.dropFirst()) : nil }
        let most: [UInt8] = [32, 128]
        let isGood = zip(bits, most).allSatisfy { bits, most in (1...most).contains(bits ?? 0) }
        guard bits.count <= 2, isGood, let bits4 = bits[0] else {
            sink.error(
                "`\(text)` is no address prefix", at: value.position,
                hint: "as in `connection.address/32,/64`: bits of IPv4, then of IPv6")
            return nil
        }
        return .address(bits4: bits4, bits6: bits.count == 2 ? bits[1] ?? 64 : 64)
    }

    /// The source behind a descriptor's name where a rule uses it.
    func descriptor(_ value: DocumentValue) -> KeySource? {
        guard let name = value.string(sink) else { return nil }
        guard let found = descriptors[name] else {
            let hint =
                Self.plainSources.contains { $0.key == name } || name.hasPrefix("token.")
                ? "give it a name under `descriptors:` and use that"
                : suggestion(for: name, among: descriptors.keys.sorted())
            sink.error("there is no descriptor `\(name)`", at: value.position, hint: hint)
            return nil
        }
        descriptors[name]?.isUsed = true
        return found.source
    }
}
