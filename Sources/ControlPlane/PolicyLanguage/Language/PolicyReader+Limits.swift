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
        let algorithm = mapping.required("algorithm")?.choice(sink, of: Self.algorithms)
        refuseStrangers(in: mapping, algorithm: algorithm)
        let unit = mapping.optional("unit")?.choice(sink, of: Self.units) ?? .requests
        let calendar =
            algorithm == .quota ? mapping.required("per").flatMap { self.calendar($0) } : nil
        let own = RawNumbers(mapping, algorithm: algorithm, unit: unit, sink: sink, isRule: true)
        let excess = readExcess(mapping, algorithm: algorithm)
        let place = name?.position ?? mapping.position
        let boundsWait = mapping.contains("max_delay")
        let numbers = own.checked(sink, at: place, boundsWait: boundsWait)
        let overrides = mapping.optional("overrides").flatMap {
            readOverrides($0, algorithm: algorithm, unit: unit, own: own, boundsWait: boundsWait)
        }
        let ban = mapping.optional("ban").flatMap { readBan($0) }
        let isShadow = mapping.optional("shadow")?.boolean(sink) ?? false
        let maxKeys = mapping.optional("max_keys")?.integer(sink, in: 1...10_000_000)
        let was = mapping.optional("was").flatMap { texts($0) } ?? []
        mapping.finish()
        guard let name, let numbers, let key, let algorithm else { return }
        var rule = LimitRule(
            name: name.text, actions: actions, key: key.compactMap(\.self), numbers: numbers)
        if let transports { rule.transports = transports }
        rule.algorithm = algorithm
        rule.unit = unit
        rule.calendar = calendar
        rule.overrides = overrides
        rule.onLimit = excess.action
        rule.maxDelayNanoseconds = excess.maxDelayNanoseconds
        rule.ban = ban
        rule.isShadow = isShadow
        if let maxKeys { rule.maxKeys = Int(maxKeys) }
        rule.was = was
        limits.append(Located(rule: rule, position: name.position))
    }

    private static let algorithms = words(LimitAlgorithm.allCases)
    private static let units = words(LimitUnit.allCases)
    static let transportWords = Dictionary(
        uniqueKeysWithValues: Transport.allCases.map { ($0.name, $0) })

    /// The words of a closed set.
    static func words<Word: RawRepresentable<String>>(_ all: [Word]) -> [String: Word] {
        Dictionary(uniqueKeysWithValues: all.map { ($0.rawValue, $0) })
    }

    private func transports(_ value: DocumentValue?) -> Set<Transport>? {
        guard let value, let items = value.list(sink) else { return nil }
        if items.isEmpty {
            sink.error(
                "the list is empty", at: value.position, hint: "leave it out to mean all transports"
            )
        }
        return Set(items.compactMap { $0.choice(sink, of: Self.transportWords) })
    }

    /// Reports keys that this algorithm or this version does not have, and says why.
    private func refuseStrangers(in mapping: DocumentMapping, algorithm: LimitAlgorithm?) {
        for key in LimitAlgorithm.ownKeys {
            guard let algorithm else {
                mapping.accept(key)
                continue
            }
            guard mapping.contains(key), let (message, hint) = algorithm.objection(to: key) else {
                continue
            }
            mapping.accept(key)
            sink.error(message, at: mapping.keyPosition(key), hint: hint)
        }
        if let value = mapping.optional("scope"),
            value.choice(sink, of: ["node": true, "cluster": false]) == false
        {
            sink.error(
                "`scope: cluster` is not supported in this version", at: value.position,
                hint: "only `node` is")
        }
        for (key, message, hint) in Self.strangers where mapping.contains(key) {
            mapping.accept(key)
            sink.error(message, at: mapping.keyPosition(key), hint: hint)
        }
    }

    private static let strangers = [
        (
            "on_store_failure", "`on_store_failure` is not supported in this version",
            "leave it out"
        ),
        (
            "when", "`when` is for permissions: a limit matches by action and transport",
            "leave it out, or deny what is meant"
        ),
        (
            "principal", "`principal` is for permissions: a limit tells callers apart by its key",
            "leave it out, or use `overrides`"
        ),
    ]

    /// `per` of a quota.
    private func calendar(_ value: DocumentValue) -> CalendarPeriod? {
        if let period = CalendarPeriod(rawValue: value.text) { return period }
        let all = CalendarPeriod.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", ")
        let near = Self.calendarWord(value.text).map {
            "`quota` counts by the calendar: `per: \($0)`"
        }
        return value.expected(
            "one of \(all)", sink,
            hint: near
                ?? nearestHint(for: value.text, among: CalendarPeriod.allCases.map(\.rawValue)))
    }

    /// The word for what somebody wrote as a duration.
    private static func calendarWord(_ text: String) -> String? {
        switch text {
        case "60s", "1m": "minute"
        case "3600s", "60m", "1h": "hour"
        case "86400s", "1440m", "24h", "1d", "daily": "day"
        case "168h", "7d", "1w", "weekly": "week"
        case "28d", "30d", "31d", "720h", "monthly": "month"
        case "365d", "366d", "1y", "yearly": "year"
        default: nil
        }
    }
}
