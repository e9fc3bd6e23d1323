import SluiceDocuments
import SluiceVocabulary

/// Reads a caller as fixtures and the files of `explain --principal` write it.
///
/// `sub` and `roles`, what is said of the connection, and every other key a claim. Claims whose name
/// means something else here stand under `claims`.
struct CallerReader {
    private let sink: DiagnosticSink
    /// Claims the policy looks at: what a misspelt one may have meant.
    private let claimsUsed: [String]

    init(claimsUsed: [String], sink: DiagnosticSink) {
        self.claimsUsed = claimsUsed
        self.sink = sink
    }

    /// The caller, as far as it can be read; all errors go to the sink.
    ///
    /// - Parameter isUserNamed: who it is is said elsewhere.
    func read(_ value: DocumentValue, isUserNamed: Bool = false) -> Caller? {
        guard let mapping = value.mapping(sink) else { return nil }
        var caller = Caller()
        caller.user = mapping.optional("sub")?.nonEmptyString(sink)
        caller.roles = mapping.optional("roles")?.strings(sink) ?? []
        readConnection(mapping, into: &caller)
        if let claims = mapping.optional("claims")?.mapping(sink) {
            for entry in claims.entries { caller.claims[entry.key] = claim(entry) }
        }
        let known = ["sub", "roles", "claims"] + Caller.connectionKeys
        for entry in mapping.entries where !known.contains(entry.key) {
            _ = mapping.optional(entry.key)
            caller.claims[entry.key] = claim(entry)
            doubt(entry, among: known)
        }
        mapping.finish()
        if !isUserNamed, !mapping.contains("sub"), !caller.roles.isEmpty || !caller.claims.isEmpty {
            sink.error(
                "claims without `sub`: nobody has them", at: mapping.position,
                hint: "name the user, as in `sub: alice`")
        }
        return caller
    }

    /// What is said of the connection; a call may say other than its caller.
    func readConnection(_ mapping: DocumentMapping, into caller: inout Caller) {
        if let value = mapping.optional("address"), let address = address(value) {
            caller.address = address
        }
        let transports = Dictionary(uniqueKeysWithValues: Transport.allCases.map { ($0.name, $0) })
        if let transport = mapping.optional("transport")?.choice(sink, of: transports) {
            caller.transport = transport
        }
        if let session = mapping.optional("session")?.nonEmptyString(sink) {
            caller.session = session
        }
        if let id = mapping.optional("device")?.nonEmptyString(sink) { caller.device.id = id }
        if let platform = mapping.optional("platform")?.nonEmptyString(sink) {
            caller.device.platform = platform
        }
        if let app = mapping.optional("app")?.nonEmptyString(sink) { caller.device.app = app }
    }

    private func address(_ value: DocumentValue) -> IPAddress? {
        switch value.kind {
        case .list, .mapping:
            return value.expected(
                "the address of the connection", sink,
                hint: "a claim of this name stands under `claims`")
        default: break
        }
        guard let text = value.string(sink) else { return nil }
        return IPAddress(text)
            ?? value.expected("an address like 192.0.2.1 or 2001:db8::1", sink)
    }

    private func claim(_ entry: DocumentEntry) -> ClaimValue { Self.claim(entry.value) }

    /// The value a token would have: JSON and YAML know the same kinds.
    private static func claim(_ value: DocumentValue) -> ClaimValue {
        switch value.kind {
        case .null: .null
        case .boolean(let value): .bool(value)
        case .integer(let value): .integer(value)
        case .number(let value): .number(value)
        case .string(let text), .untyped(let text): .string(text)
        case .list(let items): .array(items.map(claim))
        case .mapping(let entries):
            .object(
                Dictionary(
                    entries.map { ($0.key, claim($0.value)) }, uniquingKeysWith: { $1 }))
        }
    }

    /// A claim nobody looks at is no error, tokens are full of them; one letter off is hardly meant.
    private func doubt(_ entry: DocumentEntry, among known: [String]) {
        guard !claimsUsed.contains(entry.key),
            let near = nearest(to: entry.key, among: known + claimsUsed)
        else { return }
        sink.warning(
            "the policy does not look at a claim `\(entry.key)`", at: entry.keyPosition,
            hint: "did you mean `\(near)`?")
    }
}
