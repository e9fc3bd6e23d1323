import SluiceDocuments

/// An expectation that did not come true.
struct ExpectationMiss: Equatable {
    let position: SourcePosition
    /// As the file writes it: `allowed: 10`.
    let expected: String
    /// The same of what came: `allowed: 11`.
    let found: String
    /// The call that made the difference, counted from 0.
    let call: Int
}

extension Expectation {
    /// Nil when the calls of the step came out as expected. There is at least one call.
    func check(_ outcomes: [CallOutcome]) -> ExpectationMiss? {
        switch claim {
        case .count(let tally, let count): checkCount(tally, count, outcomes)
        case .refusedBy(let rules):
            checkRules(rules, outcomes.map { $0.goesOn ? nil : $0.rule }, "refused_by")
        case .permittedBy(let rule):
            checkRules(.only(rule), outcomes.map { $0.goesOn ? $0.rule : nil }, "permitted_by")
        case .shadow(let rules): checkRules(rules, outcomes.map(\.shadowRule), "shadow")
        case .retryAfter(let nanoseconds):
            checkTime(
                nanoseconds, outcomes.last { !$0.goesOn }.map(\.retryNanoseconds), "retry_after",
                none: "no call was refused",
                call: outcomes.lastIndex { !$0.goesOn } ?? outcomes.count - 1)
        case .waited(let nanoseconds):
            checkTime(
                nanoseconds, outcomes.filter(\.goesOn).map(\.waitNanoseconds).max(), "waited",
                none: "no call was allowed",
                call: outcomes.indices.max {
                    outcomes[$0].waitNanoseconds < outcomes[$1].waitNanoseconds
                } ?? 0)
        case .remaining(let count): checkRemaining(count, outcomes)
        }
    }

    private func miss(_ expected: String, _ found: String, call: Int) -> ExpectationMiss {
        ExpectationMiss(position: position, expected: expected, found: found, call: call)
    }

    /// Too many: the first that is one too many. Too few: the first that is none of them.
    private func checkCount(
        _ tally: Tally, _ count: Int, _ outcomes: [CallOutcome]
    ) -> ExpectationMiss? {
        let places = outcomes.indices.filter { outcomes[$0].counts(as: tally) }
        if places.count == count { return nil }
        let other = outcomes.firstIndex { !$0.counts(as: tally) } ?? 0
        return miss(
            "\(tally.rawValue): \(count)", "\(tally.rawValue): \(places.count)",
            call: places.count > count ? places[count] : other)
    }

    private func checkRules(
        _ wanted: RuleCounts, _ rules: [String?], _ key: String
    ) -> ExpectationMiss? {
        var counts: [String: Int] = [:]
        for case .some(let rule) in rules { counts[rule, default: 0] += 1 }
        switch wanted {
        case .only(let rule):
            if Array(counts.keys) == [rule] { return nil }
            let found = counts.isEmpty ? "nothing" : Self.text(counts, wanted)
            let call = rules.firstIndex { $0 != nil && $0 != rule } ?? rules.count - 1
            return miss("\(key): \(rule)", "\(key): \(found)", call: call)
        case .each(let each):
            let expected = each.filter { $0.value > 0 }
            if counts == expected { return nil }
            return miss(
                "\(key): \(Self.text(each, wanted))", "\(key): \(Self.text(counts, wanted))",
                call: Self.firstDifference(rules, expected))
        }
    }

    /// The first call that names a rule more often than wanted; the last when there is none.
    private static func firstDifference(_ rules: [String?], _ expected: [String: Int]) -> Int {
        var left = expected
        for (place, rule) in rules.enumerated() {
            guard let rule else { continue }
            if left[rule, default: 0] == 0 { return place }
            left[rule, default: 0] -= 1
        }
        return rules.count - 1
    }

    private static func text(_ counts: [String: Int], _ wanted: RuleCounts) -> String {
        if case .only = wanted, counts.count == 1, let rule = counts.keys.first { return rule }
        let each = counts.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
        return "{\(each.joined(separator: ", "))}"
    }

    private func checkTime(
        _ wanted: Int64, _ found: Int64?, _ key: String, none: String, call: Int
    ) -> ExpectationMiss? {
        // Refusals tell milliseconds, rounded up.
        let isRounded = key == "retry_after"
        let rounded = isRounded ? (wanted + 999_999) / 1_000_000 * 1_000_000 : wanted
        if found == rounded || found == wanted { return nil }
        let text = found.map { "\(key): \(durationText(nanoseconds: $0))" } ?? none
        return miss("\(key): \(durationText(nanoseconds: wanted))", text, call: call)
    }

    private func checkRemaining(_ wanted: Int64, _ outcomes: [CallOutcome]) -> ExpectationMiss? {
        guard let place = outcomes.lastIndex(where: \.goesOn) else {
            return miss(
                "remaining: \(wanted)", "no call was allowed", call: outcomes.count - 1)
        }
        let found = outcomes[place].remaining
        if found == wanted { return nil }
        let text = found < 0 ? "no limit counts requests" : "remaining: \(found)"
        return miss("remaining: \(wanted)", text, call: place)
    }
}
