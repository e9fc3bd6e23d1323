import SluiceDocuments
import SluicePolicy
import SluicePolicyLanguage
import SluiceVocabulary
import Testing

/// Sets as large as they may be, and files of nothing but mistakes. What grows with the square of
/// a set's size would not end here before the time limit of a test run.
@Suite("Large sets")
struct LargeSetTests {
    private static let names = (0..<2_500).map { "command-\($0)" }
    private static let many = ActionCatalog(commands: names)

    /// Files of 500 entries each, as one text per file.
    private func files(
        _ count: Int, _ section: String, _ entry: (Int) -> String
    ) -> [(name: String, text: String)] {
        stride(from: 0, to: count, by: 500).map { start in
            var text = head + (start == 0 ? "descriptors: {user: token.sub}\n" : "")
            text += section
            for index in start..<min(start + 500, count) { text += "  - \(entry(index))\n" }
            return (name: "p\(1_000 + start / 500).yaml", text: text)
        }
    }

    private func limits(_ count: Int, _ match: (Int) -> String) -> [(name: String, text: String)] {
        files(count, "rate_limits:\n") {
            "{name: l\($0), match: {action: [\(match($0))]}, key: [user], algorithm: quota, "
                + "limit: 5, per: day}"
        }
    }

    private func permissions(
        _ count: Int, _ rule: (Int) -> String
    ) -> [(name: String, text: String)] {
        files(count, "permissions:\n  rules:\n") { "{name: p\($0), \(rule($0))}" }
            .map { ($0.name, $0.text.replacing("descriptors: {user: token.sub}\n", with: "")) }
    }

    private func found(_ files: [(name: String, text: String)]) -> DiagnosticList {
        do throws(DiagnosticList) {
            let compiled = try PolicyCompiler.compile(
                files: files, catalog: Self.many, previous: nil)
            return DiagnosticList(compiled.warnings)
        } catch {
            return error
        }
    }

    @Test("more series than a scrape should take are warned of, far more are an error")
    func series() {
        let match = { (index: Int) in Self.names[index % 2_500] }
        #expect(found(limits(3_333, match)).text == "")
        #expect(
            found(limits(3_334, match)).text
                == "p1006.yaml:337:12: warning: the set makes 20004 metric series, "
                + "more than 20000 from this rule on; join rules: one limit can count many actions and keys"
        )
        #expect(found(limits(16_666, match)).errors == [])
        #expect(
            found(limits(16_667, match)).text
                == "p1033.yaml:170:12: error: with this rule the set makes more than 100000 metric series; "
                + "join rules: one limit can count many actions and keys")
        let permissions = permissions(5_001) { "effect: permit, action: [\(match($0))]" }
        #expect(found(permissions).text.contains("the set makes 20004 metric series"))
    }

    @Test("more rules than a set may hold are an error")
    func rules() {
        let files = permissions(20_001) { "effect: permit, action: [\(Self.names[$0 % 2_500])]" }
        #expect(
            found(files).errors.map(\.text)
                == ["p1040.yaml:5:12: error: more than 20000 rules; join some"])
    }

    @Test("ten thousand actions that there are not are ten thousand errors, some with a hint")
    func unknownActions() {
        let all = found(limits(10_000) { "comand-\($0)" })
        #expect(all.errors.count == 10_000)
        #expect(all.errors.first?.hint == "did you mean `command-0`?")
        #expect(all.errors.last?.hint == nil)
    }

    @Test("thousands of patterns over thousands of actions cost what they match")
    func patterns() {
        let narrow = found(limits(5_000) { "\"command-\($0 % 2_500)*\"" })
        #expect(narrow.errors == [])
        let wide = found(permissions(1_000) { _ in "effect: permit, action: [\"*\"]" })
        #expect(wide.errors == [])
        let covered = found(
            permissions(2_000) { index in
                index == 0
                    ? "effect: deny, action: [\"*\"]" : "effect: permit, action: [\"com*\"]"
            })
        #expect(covered.warnings.count { $0.message.contains("never permits") } == 1_999)
    }

    @Test("thousands of equal limits end in one error")
    func equalLimits() {
        let files = files(10_000, "rate_limits:\n") {
            "{name: l\($0), match: {action: [\"*\"]}, key: [user], algorithm: token_bucket, "
                + "limit: 5, per: 1s}"
        }
        #expect(
            found(files).errors.map(\.message) == ["more than 64 limits match `unknown`"])
    }

    @Test("a descriptor, an override, a class may have very many values")
    func manyValues() throws {
        let numbers = 0..<15_000
        let descriptors = numbers.map { "d\($0): token.c\($0)" }.joined(separator: ", ")
        let keys = numbers.map { "v\($0): {limit: 3}" }.joined(separator: ", ")
        let platforms = numbers.map { "p\($0)" }.joined(separator: ", ")
        let text =
            head + "descriptors: {\(descriptors)}\nrate_limits:\n  - {name: l, match: {action: "
            + "[echo]}, key: [d1], algorithm: quota, limit: 5, per: day, "
            + "overrides: {by: d2, \(keys)}}\n"
            + "devices: {rule: one_per_class, classes: {c: [\(platforms)]}}\n"
        let compiled = try compile(text)
        #expect(compiled.warnings.count == 14_998)
        #expect(compiled.snapshot.model.limits[0].overrides?.numbers.count == 15_000)
        #expect(compiled.snapshot.model.devices.classByPlatform.count == 15_000)
    }

    @Test("a file of wrong keys is told key by key, and ends")
    func wrongKeys() {
        let text = head + (0..<40_000).map { "key-\($0): 1\n" }.joined()
        let all = found([(name: "a.yaml", text: text)])
        #expect(all.errors.count == 40_000)
    }
}
