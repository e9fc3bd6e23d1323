import Foundation
import SluiceDocuments
import SluicePolicy
import SluicePolicyLanguage
import SluiceVocabulary
import Testing

/// The JSON Schema for editors knows the keys and words that the reader knows, and no others. What
/// the reader knows it tells itself, in the hints of its errors.
@Suite("The JSON Schema of policy files")
struct SchemaTests {
    /// A part of the schema.
    private struct Node {
        let value: Any?

        subscript(_ keys: String...) -> Node {
            Node(
                value: keys.reduce(value) { value, key in
                    if let list = value as? [Any], let index = Int(key) { return list[index] }
                    return (value as? [String: Any])?[key]
                })
        }

        /// Names of the properties that may be there.
        var keys: Set<String> {
            let properties = value as? [String: Any] ?? [:]
            return Set(properties.filter { $0.value as? Bool != false }.keys)
        }

        /// Names of the properties that must not be there.
        var refused: Set<String> {
            let properties = value as? [String: Any] ?? [:]
            return Set(properties.filter { $0.value as? Bool == false }.keys)
        }

        var words: Set<String> { Set(value as? [String] ?? []) }
        var items: [Node] { (value as? [Any] ?? []).map { Node(value: $0) } }
    }

    private let schema: Node

    init() throws {
        let here = URL(fileURLWithPath: #filePath)
        let file = here.deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("policies/schema.json")
        schema = Node(value: try JSONSerialization.jsonObject(with: Data(contentsOf: file)))
    }

    /// Words in quotes after `mark` in what the reader says of a text.
    private func told(_ text: String, after mark: String) throws -> Set<String> {
        let lines = findings([text]).split(separator: "\n")
        let line = try #require(lines.first { $0.contains(mark) }, "\(lines)")
        let rest = try #require(line.components(separatedBy: mark).last)
        let words = rest.components(separatedBy: ", found")[0].split(separator: "`")
        return Set(words.map(String.init).filter { !$0.contains(",") && !$0.contains(" ") })
    }

    /// The keys known where `qqqqqqqqqqqq` stands.
    private func known(_ text: String) throws -> Set<String> {
        try told(text, after: "unknown key `qqqqqqqqqqqq`; known: ")
    }

    private func limit(_ rest: String) -> String {
        head + "descriptors: {user: token.sub}\nrate_limits:\n"
            + "  - {name: l, match: {action: [echo]}, key: [user], \(rest)}\n"
    }

    private func rule(_ rest: String) -> String {
        head + "permissions:\n  rules:\n    - {name: p, effect: permit, action: [echo], \(rest)}\n"
    }

    @Test("has the keys of every mapping")
    func keys() throws {
        let unknown = "qqqqqqqqqqqq: 1"
        let places: [(Node, String)] = [
            (schema["properties"], head + unknown + "\n"),
            (schema["properties", "metadata", "properties"], head + "metadata: {\(unknown)}\n"),
            (
                schema["properties", "permissions", "properties"],
                head + "permissions: {\(unknown)}\n"
            ),
            (schema["$defs", "permission", "properties"], rule(unknown)),
            (
                schema["$defs", "permission", "properties", "principal", "properties"],
                rule("principal: {\(unknown)}")
            ),
            (
                schema["$defs", "condition", "properties", "time_of_day", "properties"],
                rule("when: {time_of_day: {\(unknown)}}")
            ),
            (schema["properties", "devices", "properties"], head + "devices: {\(unknown)}\n"),
            (
                schema["properties", "devices", "properties", "rule", "anyOf", "1", "properties"],
                head + "devices: {rule: {\(unknown)}}\n"
            ),
            (schema["properties", "logging", "properties"], head + "logging: {\(unknown)}\n"),
            (
                schema["properties", "logging", "properties", "sample", "properties"],
                head + "logging: {sample: {\(unknown)}}\n"
            ),
            (
                schema[
                    "properties", "logging", "properties", "sample", "properties", "actions",
                    "additionalProperties", "properties"],
                head + "logging: {sample: {actions: {echo: {\(unknown)}}}}\n"
            ),
            (
                schema["$defs", "limit", "properties", "match", "properties"],
                limit("x: 1").replacing("{action: [echo]}", with: "{action: [echo], \(unknown)}")
            ),
            (
                schema["$defs", "limit", "properties", "ban", "properties"],
                limit("ban: {\(unknown)}")
            ),
        ]
        for (node, text) in places { #expect(try known(text) == node.keys, "\(text)") }
    }

    @Test("has the keys of a limit for each algorithm", arguments: LimitAlgorithm.allCases)
    func algorithmKeys(_ algorithm: LimitAlgorithm) throws {
        let rows = schema["$defs", "limit", "allOf"].items
        let row = try #require(
            rows.first {
                $0["if", "properties", "algorithm", "const"].value as? String == algorithm.rawValue
            })
        let refused = row["then", "properties"].refused
        let text = limit("algorithm: \(algorithm.rawValue), qqqqqqqqqqqq: 1")
        #expect(try known(text) == schema["$defs", "limit", "properties"].keys.subtracting(refused))
        let override = row["then", "properties", "overrides", "additionalProperties", "$ref"]
        let name = try #require((override.value as? String)?.split(separator: "/").last)
        let inner = limit(
            "algorithm: \(algorithm.rawValue), overrides: {by: user, a: {qqqqqqqqqqqq: 1}}")
        #expect(try known(inner) == schema["$defs", String(name), "properties"].keys)
        // What may happen over the limit, tried one by one.
        let words = row["then", "properties", "on_limit", "enum"].words
        let all = schema["$defs", "limit", "properties", "on_limit", "enum"].words
        for action in LimitAction.allCases {
            let text = limit("algorithm: \(algorithm.rawValue), on_limit: \(action.rawValue)")
            let isRefused =
                findings([text]).contains("`on_limit: \(action.rawValue)` ")
                && !findings([text]).contains("needs `max_delay`")
            #expect((words.isEmpty ? all : words).contains(action.rawValue) == !isRefused)
        }
    }

    @Test("has the words of every closed set")
    func words() throws {
        let limitKeys = schema["$defs", "limit", "properties"]
        let rows: [(Node, String, String)] = [
            (limitKeys["algorithm", "enum"], limit("algorithm: qq"), "expected one of "),
            (limitKeys["unit", "enum"], limit("unit: qq"), "expected one of "),
            (limitKeys["on_limit", "enum"], limit("on_limit: qq"), "expected one of "),
            (
                limitKeys["match", "properties", "transport", "items", "enum"],
                limit("x: 1").replacing("[echo]}", with: "[echo], transport: [qq]}"),
                "expected one of "
            ),
            (
                schema["$defs", "permission", "properties", "effect", "enum"],
                head + "permissions: {rules: [{effect: qq}]}\n", "expected one of "
            ),
            (
                schema["properties", "permissions", "properties", "default", "enum"],
                head + "permissions: {default: qq}\n", "expected one of "
            ),
            (
                schema["properties", "devices", "properties", "on_conflict", "enum"],
                head + "devices: {on_conflict: qq}\n", "expected one of "
            ),
            (
                schema[
                    "$defs", "condition", "properties", "time_of_day", "properties", "days",
                    "items",
                    "enum"],
                rule("when: {time_of_day: {from: \"10:00\", to: \"11:00\", days: [qq]}}"),
                "expected one of "
            ),
        ]
        for (node, text, mark) in rows {
            #expect(!node.words.isEmpty)
            #expect(try told(text, after: mark) == node.words, "\(text)")
        }
        let calendar = try told(limit("algorithm: quota, per: qqqq"), after: "expected one of ")
        #expect(calendar == Set(CalendarPeriod.allCases.map(\.rawValue)))
        let row = schema["$defs", "limit", "allOf"].items.first {
            $0["if", "properties", "algorithm", "const"].value as? String == "quota"
        }
        #expect(row?["then", "properties", "per", "enum"].words == calendar)
        let devices = try told(head + "devices: {rule: qqqqqqqq}\n", after: "expected one of ")
        #expect(
            devices
                == schema["properties", "devices", "properties", "rule", "anyOf", "0", "enum"].words
        )
    }

    @Test("has the words of conditions, and the sources that are one word")
    func conditions() throws {
        #expect(
            try told(rule("when: {qqqqqqqqqqqq: 1}"), after: "known: ")
                == schema["$defs", "condition", "properties"].keys)
        let sources = try told(head + "descriptors: {a: qqqqqqqqqqqqq}\n", after: "known: ")
        #expect(
            schema["$defs", "source", "anyOf", "0", "enum"].words
                == sources.subtracting(["token.sub", "http.header.user-agent"]))
    }
}
