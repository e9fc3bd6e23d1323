extension CoverageReport {
    /// Tables of rules and conditions, then what was never reached.
    func lines(_ style: OutputStyle) -> [String] {
        var lines = ruleTable.lines(isTerminal: style.isTerminal)
        if !conditions.isEmpty {
            lines += [""] + conditionTable.lines(isTerminal: style.isTerminal)
        }
        if !missing.isEmpty { lines += ["", "never reached:"] + missing.map { "  " + $0 } }
        return lines + ["", "coverage: " + percent]
    }

    private var ruleTable: TextTable {
        let used = Self.words.filter { word in rules.contains { $0.counts[word] != nil } }
        var table = TextTable(
            ["RULE", "KIND"] + used.map { $0.uppercased() }, numeric: Set(2..<2 + used.count))
        for rule in rules {
            table.add([rule.name, rule.kind] + used.map { Self.cell(rule.counts[$0] ?? 0) })
        }
        return table
    }

    private var conditionTable: TextTable {
        var table = TextTable(["RULE", "CONDITION", "TRUE", "FALSE"], numeric: [2, 3])
        for one in conditions {
            table.add([one.rule, one.text, Self.cell(one.seen.yes), Self.cell(one.seen.no)])
        }
        return table
    }

    /// Nothing stands out better than a zero.
    private static func cell(_ count: Int) -> String { count == 0 ? "-" : String(count) }
}

/// Coverage as `--json` prints it.
struct CoverageRecord: Encodable {
    private let covered: Int
    private let total: Int
    private let rules: [Rule]
    private let conditions: [Comparison]
    private let missing: [String]

    private struct Rule: Encodable {
        let name: String
        let kind: String
        let counts: [String: Int]
    }

    private struct Comparison: Encodable {
        let rule: String
        let condition: String
        let yes: Int
        let no: Int

        enum CodingKeys: String, CodingKey {
            case rule, condition
            case yes = "true"
            case no = "false"
        }
    }

    init(_ report: CoverageReport) {
        covered = report.covered
        total = report.total
        missing = report.missing
        rules = report.rules.map { Rule(name: $0.name, kind: $0.kind, counts: $0.counts) }
        conditions = report.conditions.map {
            Comparison(rule: $0.rule, condition: $0.text, yes: $0.seen.yes, no: $0.seen.no)
        }
    }
}
