import SluiceDocuments
import SluiceVocabulary

extension PolicyTestReader {
    static let expectKeys =
        Expectation.Tally.allCases.map(\.rawValue)
        + ["refused_by", "permitted_by", "shadow", "retry_after", "waited", "remaining"]

    /// What stands under `expect`: only what is written is checked.
    ///
    /// - Parameter times: calls of the step; nil where they could not be read.
    func readExpectations(_ value: DocumentValue, times: Int?) -> [Expectation] {
        guard let mapping = value.mapping(sink) else { return [] }
        var found: [Expectation] = []
        func add(_ key: String, _ claim: Expectation.Claim?) {
            guard let claim else { return }
            found.append(Expectation(position: mapping.keyPosition(key), claim: claim))
        }
        for tally in Expectation.Tally.allCases {
            let count = mapping.optional(tally.rawValue)?.integer(
                sink, in: 0...Int64(PolicyTestCalls.most))
            add(tally.rawValue, count.map { .count(tally, Int($0)) })
        }
        for (key, claim) in [
            ("refused_by", Expectation.Claim.refusedBy), ("shadow", Expectation.Claim.shadow),
        ] {
            add(key, mapping.optional(key).flatMap(readRules).map(claim))
        }
        let permit = mapping.optional("permitted_by").flatMap(readRule)
        add("permitted_by", permit.map { .permittedBy($0) })
        let longest = 0...Self.longestNanoseconds
        let retry = mapping.optional("retry_after")?.duration(sink, in: longest)
        add("retry_after", retry.map { .retryAfter(nanoseconds: $0) })
        let waited = mapping.optional("waited")?.duration(sink, in: longest)
        add("waited", waited.map { .waited(nanoseconds: $0) })
        let remaining = mapping.optional("remaining")?.integer(sink, in: 0 ... .max)
        add("remaining", remaining.map { .remaining($0) })
        mapping.finish()
        if mapping.entries.isEmpty {
            sink.error(
                "`expect` expects nothing", at: mapping.position,
                hint: "give it a key, or leave it out")
        }
        if let times { checkSum(found, times: times, at: mapping.position) }
        return found.sorted {
            ($0.position.line, $0.position.column) < ($1.position.line, $1.position.column)
        }
    }

    /// The parts may not be more than the whole, nor all of them less.
    private func checkSum(_ found: [Expectation], times: Int, at position: SourcePosition) {
        var sum = 0
        var parts = 0
        for expectation in found {
            guard case .count(let tally, let count) = expectation.claim else { continue }
            if Expectation.Tally.parts.contains(tally) {
                sum += count
                parts += 1
            } else if count > times {
                sink.error(
                    "the step makes \(calls(times)), not \(count)", at: expectation.position)
            }
        }
        if sum > times || parts == Expectation.Tally.parts.count && sum < times {
            sink.error("the step makes \(calls(times)), not \(sum)", at: position)
        }
    }

    private func calls(_ times: Int) -> String { counted(times, "call") }

    /// `refused_by: a`, or `refused_by: {a: 10, b: 1}`.
    private func readRules(_ value: DocumentValue) -> Expectation.RuleCounts? {
        guard case .mapping(let entries) = value.kind else {
            return readRule(value).map { .only($0) }
        }
        var counts: [String: Int] = [:]
        for entry in entries {
            let most = Int64(PolicyTestCalls.most)
            guard checkRule(entry.key, at: entry.keyPosition),
                let count = entry.value.integer(sink, in: 0...most)
            else { continue }
            counts[entry.key] = Int(count)
        }
        return .each(counts)
    }

    private func readRule(_ value: DocumentValue) -> String? {
        guard let name = value.string(sink) else { return nil }
        return checkRule(name, at: value.position) ? name : nil
    }

    /// Whether a rule of this name can have decided: the policy's, or that of a reload before.
    private func checkRule(_ name: String, at position: SourcePosition) -> Bool {
        let names = sets.flatMap(\.ruleNames)
        if names.contains(name) { return true }
        sink.error(
            "there is no rule `\(name)`", at: position, hint: suggestion(for: name, among: names))
        return false
    }
}
