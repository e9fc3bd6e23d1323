import SluiceDocuments
import SluicePolicy

/// Other numbers for some callers: `overrides`.
extension PolicyReader {
    /// `overrides: {by: plan, free: {limit: 30}}`.
    func readOverrides(
        _ value: DocumentValue, algorithm: LimitAlgorithm?, unit: LimitUnit, own: RawNumbers,
        boundsWait: Bool
    ) -> LimitOverrides? {
        guard let mapping = value.mapping(sink) else { return nil }
        let by = mapping.required("by")
        var numbers: [String: LimitNumbers] = [:]
        for entry in mapping.entries where entry.key != "by" {
            guard let inner = mapping.optional(entry.key)?.mapping(sink) else { continue }
            for key in LimitAlgorithm.ownKeys {
                guard inner.contains(key), let algorithm,
                    let (message, hint) = algorithm.objectionInOverride(to: key)
                else { continue }
                inner.accept(key)
                sink.error(message, at: inner.keyPosition(key), hint: hint)
            }
            var raw = RawNumbers(
                inner, algorithm: algorithm, unit: unit, sink: sink, isRule: false)
            inner.finish()
            if inner.entries.isEmpty {
                sink.error(
                    "the override `\(entry.key)` changes nothing", at: entry.keyPosition,
                    hint: "as in `\(entry.key): {limit: 30}`")
            }
            raw.inherit(own)
            numbers[entry.key] = raw.checked(sink, at: entry.keyPosition, boundsWait: boundsWait)
        }
        if mapping.entries.allSatisfy({ $0.key == "by" }) {
            sink.error(
                "the overrides name no value", at: mapping.position,
                hint: "as in `{by: plan, free: {limit: 30}}`")
        }
        guard let by, let source = descriptor(by), isOverrideSource(source, by) else { return nil }
        if source == .transport { checkTransportNames(mapping) }
        return LimitOverrides(by: source, numbers: numbers)
    }

    /// Overrides are chosen once for a connection.
    private func isOverrideSource(_ source: KeySource, _ by: DocumentValue) -> Bool {
        switch source {
        case .claim, .session, .device, .platform, .app, .transport: return true
        case .address, .action, .topic, .loginUser, .route, .method, .header: break
        }
        sink.error(
            "overrides cannot go by `\(by.text)`, which is `\(source.text)`", at: by.position,
            hint: "they go by `token.*`, `session.*` or `connection.transport`")
        return false
    }

    private func checkTransportNames(_ mapping: DocumentMapping) {
        for entry in mapping.entries where entry.key != "by" {
            let key = DocumentValue(.string(entry.key), text: entry.key, at: entry.keyPosition)
            _ = key.choice(sink, of: Self.transportWords)
        }
    }
}
