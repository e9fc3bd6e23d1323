import SluiceDocuments
import SluicePolicy
import SluicePolicyLanguage
import SluiceVocabulary

/// Measures what policy costs: a decision hot and cold, a key's memory, a load, a reload.
///
///     policy-decision [--rules 10000] [--keys 1000000] [--json]
///
/// Times are CPU time of the measuring thread, the best of several rounds: the rest is the machine's
/// other work. Each figure is printed beside what it must not exceed.
@main
enum Main {
    static func main() throws {
        let rules = option("--rules") ?? 10_000
        let keys = option("--keys") ?? 1_000_000
        do {
            var results = try LoadBenchmark.run(rules: rules)
            results += try DecisionBenchmark.run(rules: rules, keys: keys)
            results += AlgorithmBenchmark.run()
            results += MemoryBenchmark.run(keys: keys)
            results += try ReloadBenchmark.run(rules: rules, connections: 10_000)
            let isJSON = CommandLine.arguments.contains("--json")
            print(isJSON ? json(results) : text(results))
        } catch let found as DiagnosticList {
            print(found.text)
        }
    }

    private static func option(_ name: String) -> Int? {
        guard let place = CommandLine.arguments.firstIndex(of: name),
            place + 1 < CommandLine.arguments.count
        else { return nil }
        return Int(CommandLine.arguments[place + 1])
    }

    private static func text(_ results: [Result]) -> String {
        let width = results.map(\.name.count).max() ?? 0
        return results.map { result in
            let padding = String(repeating: " ", count: width - result.name.count)
            let goal = result.atMost.map { "  (at most \(rounded($0)))" } ?? ""
            return "\(result.name)\(padding)  \(rounded(result.value)) \(result.unit)\(goal)"
        }.joined(separator: "\n")
    }

    private static func json(_ results: [Result]) -> String {
        let lines = results.map { result in
            let goal = result.atMost.map { rounded($0) } ?? "null"
            return "  {\"name\": \"\(result.name)\", \"value\": \(rounded(result.value)), "
                + "\"unit\": \"\(result.unit)\", \"at_most\": \(goal)}"
        }
        return "[\n" + lines.joined(separator: ",\n") + "\n]"
    }

    private static func rounded(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(abs(tenths % 10))"
    }
}

/// One figure and what it must not exceed.
struct Result {
    var name: String
    var value: Double
    var unit: String
    var atMost: Double?
}
