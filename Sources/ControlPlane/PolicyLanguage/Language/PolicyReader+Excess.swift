import SluiceDocuments
import SluicePolicy

/// What happens over a limit: `on_limit`, `max_delay`, `ban`.
extension PolicyReader {
    /// `on_limit` and the wait that goes with it.
    func readExcess(
        _ mapping: DocumentMapping, algorithm: LimitAlgorithm?
    ) -> (action: LimitAction, maxDelayNanoseconds: Int64?) {
        var action = LimitAction.reject
        if let value = mapping.optional("on_limit"),
            let word = value.choice(sink, of: Self.words(LimitAction.allCases))
        {
            action = word
            if let (message, hint) = algorithm?.objection(to: word) {
                sink.error(message, at: value.position, hint: hint)
            }
        }
        guard let algorithm, algorithm.objection(to: "max_delay") == nil else {
            return (action, nil)
        }
        guard let value = mapping.optional("max_delay") else {
            if algorithm == .tokenBucket, action == .delay, !mapping.contains("max_delay") {
                sink.error(
                    "`on_limit: delay` needs `max_delay`", at: mapping.keyPosition("on_limit"),
                    hint: "as in `max_delay: 2s`; from 1ms to 60s")
            }
            return (action, nil)
        }
        if algorithm == .tokenBucket, action != .delay {
            sink.error(
                "`max_delay` needs `on_limit: delay`", at: mapping.keyPosition("max_delay"),
                hint: "write `on_limit: delay`, or leave it out")
        }
        let delay = value.duration(sink, in: 1_000_000...LimitNumbers.maxDelayNanoseconds)
        return (action, delay)
    }

    /// `ban: {after: 50, within: 60s, for: 10m}`.
    func readBan(_ value: DocumentValue) -> LimitBan? {
        guard let mapping = value.mapping(sink) else { return nil }
        let after = mapping.required("after")?.integer(sink, in: 1...1_000_000)
        let within = mapping.required("within").flatMap { milliseconds($0) }
        let length = mapping.required("for").flatMap { milliseconds($0) }
        mapping.finish()
        guard let after, let within, let length else { return nil }
        return LimitBan(after: Int(after), withinMilliseconds: within, forMilliseconds: length)
    }

    private func milliseconds(_ value: DocumentValue) -> Int64? {
        let range: ClosedRange<Int64> = 1_000_000...LimitNumbers.maxFillNanoseconds
        guard let nanoseconds = value.duration(sink, in: range) else { return nil }
        guard nanoseconds % 1_000_000 == 0 else {
            return value.expected("whole milliseconds", sink)
        }
        return nanoseconds / 1_000_000
    }
}
