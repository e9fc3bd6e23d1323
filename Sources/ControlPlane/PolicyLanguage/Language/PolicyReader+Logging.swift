import SluiceDocuments
import SluicePolicy

extension PolicyReader {
    /// `logging: {sample: {ok: 0.1}, budget_per_second: 2000, reserve_per_second: 500}`.
    func readLogging(_ value: DocumentValue) {
        guard let logging = value.mapping(sink) else { return }
        if let sample = logging.optional("sample")?.mapping(sink) { readSample(sample) }
        if let budget = logging.optional("budget_per_second")?.integer(sink, in: 1...1_000_000) {
            model.logging.budgetPerSecond = Int(budget)
        }
        if let reserve = logging.optional("reserve_per_second")?.integer(sink, in: 1...1_000_000) {
            model.logging.reservePerSecond = Int(reserve)
        }
        logging.finish()
    }

    private func readSample(_ mapping: DocumentMapping) {
        let sample = shares(mapping, instead: PolicyLogging.Sample())
        model.logging.sample = sample
        if let actions = mapping.optional("actions")?.mapping(sink) {
            for entry in actions.entries {
                guard let inner = actions.optional(entry.key)?.mapping(sink) else { continue }
                if inner.entries.isEmpty {
                    sink.error(
                        "`\(entry.key)` changes nothing", at: entry.keyPosition,
                        hint: "as in `\"message.*\": {ok: 0.01}`")
                }
                let shares = shares(inner, instead: sample)
                inner.finish()
                if let pattern = actionPattern(entry.key, at: entry.keyPosition) {
                    model.logging.actions.append(.init(pattern: pattern, sample: shares))
                }
            }
            model.logging.actions.sort { $0.pattern.text < $1.pattern.text }
        }
        mapping.finish()
    }

    /// Shares by outcome; those left out are `other`'s.
    private func shares(
        _ mapping: DocumentMapping, instead other: PolicyLogging.Sample
    ) -> PolicyLogging.Sample {
        let share = { (key: String) -> Double? in
            guard let value = mapping.optional(key) else { return nil }
            if value.text.hasSuffix("%") {
                return value.expected(
                    "a share from 0 to 1", self.sink, hint: "as in 0.1 for a tenth")
            }
            // The sum makes -0 the 0 it is.
            return value.number(self.sink, in: 0...1).map { $0 + 0 }
        }
        return PolicyLogging.Sample(
            ok: share("ok") ?? other.ok, refused: share("refused") ?? other.refused,
            error: share("error") ?? other.error)
    }
}
