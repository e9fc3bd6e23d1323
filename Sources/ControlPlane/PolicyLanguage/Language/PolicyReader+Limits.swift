import SluiceDocuments
import SluicePolicy
import SluiceVocabulary

extension PolicyReader {
    /// One entry of `rate_limits:`.
    func readLimit(_ value: DocumentValue) {
        guard let mapping = value.mapping(sink) else { return }
        let name = ruleName(mapping)
        let match = mapping.required("match")?.mapping(sink)
        let actions = match.map { self.actions($0.required("action")) } ?? []
        let transports = match.flatMap { self.transports($0.optional("transport")) }
        match?.finish()
        let key = mapping.required("key")?.list(sink)?.map { descriptor($0) }
        readUnsupported(mapping)
        let unit =
            mapping.optional("unit")?.choice(
                sink, of: ["requests": LimitUnit.requests, "bytes": .bytes])
            ?? .requests
        let own = RawNumbers(mapping, unit: unit, sink: sink, isRule: true)
        let numbers = own.checked(sink, at: name?.position ?? mapping.position)
        let overrides = mapping.optional("overrides").flatMap {
            readOverrides($0, unit: unit, own: own)
        }
        let isShadow = mapping.optional("shadow")?.boolean(sink) ?? false
        let maxKeys = mapping.optional("max_keys")?.integer(sink, in: 1...10_000_000) ?? 200_000
        let was = mapping.optional("was").flatMap { texts($0) } ?? []
        mapping.finish()
        guard let name, let numbers, let key else { return }
        let rule = LimitRule(
            name: name.text, actions: actions, transports: transports ?? Set(Transport.allCases),
            key: key.compactMap(\.self), unit: unit, numbers: numbers, overrides: overrides,
            isShadow: isShadow, maxKeys: Int(maxKeys), was: was)
        limits.append(Located(rule: rule, position: name.position))
    }

    private func transports(_ value: DocumentValue?) -> Set<Transport>? {
        guard let value, let items = value.list(sink) else { return nil }
        if items.isEmpty {
            sink.error(
                "the list is empty", at: value.position, hint: "leave it out to mean all transports"
            )
        }
        let choices = Dictionary(uniqueKeysWithValues: Transport.allCases.map { ($0.name, $0) })
        return Set(items.compactMap { $0.choice(sink, of: choices) })
    }

    /// Parts of the language that this version does not know how to obey.
    private func readUnsupported(_ mapping: DocumentMapping) {
        let later = { (key: String, now: String) in
            guard let value = mapping.optional(key) else { return }
            if value.text == now, case .string = value.kind { return }
            self.sink.error(
                "`\(key): \(value.text)` is not supported in this version", at: value.position,
                hint: "only `\(now)` is")
        }
        if let value = mapping.required("algorithm"),
            let word = value.choice(
                sink,
                of: [
                    "token_bucket": "token_bucket", "leaky_bucket": "leaky_bucket",
                    "sliding_window": "sliding_window", "concurrency": "concurrency",
                    "quota": "quota",
                ]), word != "token_bucket"
        {
            sink.error(
                "`algorithm: \(word)` is not supported in this version", at: value.position,
                hint: "only `token_bucket` is")
        }
        later("on_limit", "reject")
        later("scope", "node")
        for key in ["max_delay", "on_store_failure", "ban"] { notSupported(key, in: mapping) }
    }

    /// `overrides: {by: plan, free: {limit: 30}}`.
    private func readOverrides(
        _ value: DocumentValue, unit: LimitUnit, own: RawNumbers
    ) -> LimitOverrides? {
        guard let mapping = value.mapping(sink) else { return nil }
        let by = mapping.required("by")
        var numbers: [String: LimitNumbers] = [:]
        for entry in mapping.entries where entry.key != "by" {
            guard let inner = mapping.optional(entry.key)?.mapping(sink) else { continue }
            var raw = RawNumbers(inner, unit: unit, sink: sink, isRule: false)
            inner.finish()
            raw.inherit(own)
            numbers[entry.key] = raw.checked(sink, at: entry.keyPosition)
        }
        if mapping.entries.allSatisfy({ $0.key == "by" }) {
            sink.error(
                "the overrides name no value", at: mapping.position,
                hint: "as in `{by: plan, free: {limit: 30}}`")
        }
        guard let by, let source = descriptor(by) else { return nil }
        guard case .claim(let path) = source else {
            sink.error(
                "`\(by.text)` is no claim of the token", at: by.position,
                hint: "overrides go by a descriptor such as `token.plan`")
            return nil
        }
        return LimitOverrides(claim: path, numbers: numbers)
    }
}
