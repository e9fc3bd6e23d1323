import SluiceDocuments
import SluicePolicy
import SluicePolicyLanguage
import SluiceVocabulary
import Testing

@Suite("Conditions are read as they are meant")
struct GoodConditionTests {
    private func read(_ text: String, descriptors: String = "") throws -> Condition? {
        let rule = "{name: p, effect: permit, action: [echo], when: \(text)}"
        let compiled = try compile(
            head + descriptors + "permissions: {rules: [\(rule)]}\n")
        #expect(compiled.warnings.map(\.text) == [])
        return compiled.snapshot.model.permissions.first?.when
    }

    private static let plan = Condition.Fact.source(.claim(["plan"]))

    static let conditions: [(String, Condition)] = [
        ("{eq: [token.plan, pro]}", .isIn(plan, ["pro"])),
        ("{ne: [token.plan, pro]}", .differs(plan, "pro")),
        ("{in: [token.plan, [pro, free, pro]]}", .isIn(plan, ["free", "pro"])),
        ("{eq: [token.plan, 5]}", .isIn(plan, ["5"])),
        ("{eq: [token.plan, +5]}", .isIn(plan, ["5"])),
        ("{eq: [token.plan, \"+5\"]}", .isIn(plan, ["+5"])),
        ("{eq: [token.plan, True]}", .isIn(plan, ["true"])),
        ("{eq: [token.plan, 1.50]}", .isIn(plan, ["1.5"])),
        ("{eq: [message.bytes, 1KiB]}", .isIn(.bytes, ["1024"])),
        ("{exists: token.plan}", .exists(plan)),
        ("{not: {exists: message.topic}}", .not(.exists(.source(.topic)))),
        (
            "{like: [message.topic, \"room.*\"]}",
            .like(.source(.topic), ActionPattern("room.*"))
        ),
        (
            "{lt: [message.bytes, 16KiB]}",
            .compare(.bytes, .less, .init(value: 16_384, text: "16384"))
        ),
        (
            "{le: [token.level, 1e3]}",
            .compare(.source(.claim(["level"])), .atMost, .init(value: 1_000, text: "1000"))
        ),
        (
            "{gt: [login.user, 1.5]}",
            .compare(.source(.loginUser), .greater, .init(value: 1.5, text: "1.5"))
        ),
        (
            "{ge: [http.header.x-age, -0.0]}",
            .compare(.source(.header("x-age")), .atLeast, .init(value: 0, text: "0"))
        ),
        (
            "{time_of_day: {from: \"22:00\", to: 06:00, days: [tue, mon]}}",
            .timeOfDay(.init(fromMinute: 1_320, toMinute: 360, days: [0, 1]))
        ),
        (
            "{time_of_day: {from: \"00:00\", to: \"23:59\"}}",
            .timeOfDay(.init(fromMinute: 0, toMinute: 1_439))
        ),
        (
            "{time_of_day: {from: \"00:01\", to: \"24:00\"}}",
            .timeOfDay(.init(fromMinute: 1, toMinute: 1_440))
        ),
        (
            "{all: [{exists: token.plan}, {any: [{eq: [connection.transport, tcp]}, {eq: [http.method, GET]}]}]}",
            .all([
                .exists(plan),
                .any([.isIn(.source(.transport), ["tcp"]), .isIn(.source(.method), ["GET"])]),
            ])
        ),
        ("{eq: [message.action, message.send]}", .isIn(.source(.action), ["message.send"])),
        ("{eq: [http.route, media]}", .isIn(.source(.route), ["media"])),
    ]

    @Test("each form of the reference", arguments: conditions)
    func forms(_ text: String, _ condition: Condition) throws {
        #expect(try read(text) == condition)
        // And its own text reads back.
        #expect(try read(condition.text) == condition)
    }

    @Test("blocks of addresses: alone or in a list, in any order, an address as a block of one")
    func blocks() throws {
        let ten = try AddressBlock("10.0.0.0/8")
        let six = try AddressBlock("2001:db8::/32")
        let one = try AddressBlock("192.0.2.1/32")
        #expect(try read("{in: [connection.address, 10.0.0.0/8]}") == .isInBlocks([ten]))
        let several = Condition.isInBlocks([ten, one, six])
        let text =
            "{in: [connection.address, [\"2001:db8::/32\", 192.0.2.1, 10.0.0.0/8, 10.0.0.0/8]]}"
        #expect(try read(text) == several)
        #expect(try read(several.text) == several)
        #expect(
            several.text
                == "{in: [connection.address, [10.0.0.0/8, 192.0.2.1/32, \"2001:db8::/32\"]]}")
    }

    @Test("a claim may be a list and have two values at once, so asking for both is no mistake")
    func listClaims() throws {
        let both = "{all: [{eq: [token.groups, a]}, {eq: [token.groups, b]}]}"
        let groups = Condition.Fact.source(.claim(["groups"]))
        #expect(try read(both) == .all([.isIn(groups, ["a"]), .isIn(groups, ["b"])]))
        // As for numbers that touch.
        let touching = "{all: [{le: [token.level, 5]}, {ge: [token.level, 5]}]}"
        #expect(try read(touching) != nil)
        #expect(try read("{any: [{lt: [token.level, 5]}, {gt: [token.level, 9]}]}") != nil)
        #expect(try read("{all: [{gt: [token.level, 5]}, {lt: [message.bytes, 2]}]}") != nil)
    }

    @Test("a descriptor stands for its source, and is used when a condition alone looks at it")
    func descriptors() throws {
        let names =
            "descriptors: {plan: token.plan, peer: \"connection.address/32,/64\", size: message.bytes}\n"
        let read = try read(
            "{all: [{eq: [plan, pro]}, {in: [peer, 10.0.0.0/8]}, {lt: [size, 5]}]}",
            descriptors: names)
        #expect(
            try read
                == .all([
                    .isIn(Self.plan, ["pro"]), .isInBlocks([AddressBlock("10.0.0.0/8")]),
                    .compare(.bytes, .less, .init(value: 5, text: "5")),
                ]))
    }

    @Test("a condition may nest 16 deep and hold 256 parts, and lists 1,000 values; no more")
    func bounds() throws {
        let nested = { (depth: Int) in
            String(repeating: "{all: [{exists: token.a}, ", count: depth - 1) + "{exists: token.b}"
                + String(repeating: "]}", count: depth - 1)
        }
        #expect(try read(nested(16)) != nil)
        let rule = { (when: String) in
            head + "permissions:\n  rules:\n    - name: p\n      effect: permit\n"
                + "      action: [echo]\n      when: \(when)\n"
        }
        #expect(
            findings([rule(nested(17))])
                == "a.yaml:8:410: error: conditions nested deeper than 16; use several rules\n"
                + "a.yaml:8:429: error: conditions nested deeper than 16; use several rules")
        let wide = { (count: Int) in
            "{any: [" + (1..<count).map { "{eq: [token.a, v\($0)]}" }.joined(separator: ", ") + "]}"
        }
        guard case .any(let parts) = try read(wide(256)) else {
            Issue.record("the condition is lost")
            return
        }
        #expect(parts.count == 255)
        #expect(
            findings([rule(wide(257))]).hasSuffix(
                "error: more than 256 conditions in one `when`; use `in` with a list, or several rules"
            ))
        let list = { (count: Int) in
            "{in: [token.a, [" + (0..<count).map { "v\($0)" }.joined(separator: ", ") + "]]}"
        }
        guard case .isIn(_, let values) = try read(list(1_000)) else {
            Issue.record("the condition is lost")
            return
        }
        #expect(values.count == 1_000)
        #expect(
            findings([rule(list(1_001))])
                == "a.yaml:8:28: error: more than 1000 values in one list; keep such lists in a claim of the token"
        )
    }
}
