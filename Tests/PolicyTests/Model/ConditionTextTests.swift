import SluicePolicy
import SluiceVocabulary
import Testing

@Suite("Conditions as a policy writes them")
struct ConditionTextTests {
    private static func block(_ text: String) -> AddressBlock {
        guard let block = try? AddressBlock(text) else { preconditionFailure("no block: \(text)") }
        return block
    }

    static let texts: [(Condition, String)] = [
        (.exists(.source(.topic)), "{exists: message.topic}"),
        (
            .all([.exists(.bytes), .not(.exists(.source(.session)))]),
            "{all: [{exists: message.bytes}, {not: {exists: session.id}}]}"
        ),
        (.any([.exists(.source(.device))]), "{any: [{exists: session.device}]}"),
        (.isIn(.source(.claim(["a", "b"])), ["x"]), "{eq: [token.a.b, x]}"),
        (.isIn(.source(.platform), ["x", "y z"]), #"{in: [session.platform, [x, "y z"]]}"#),
        (.differs(.source(.app), "7"), "{ne: [session.app, 7]}"),
        (
            .compare(.bytes, .atLeast, .init(value: 2.5, text: "2.50")),
            "{ge: [message.bytes, 2.50]}"
        ),
        (.isInBlocks([block("10.0.0.0/8")]), "{in: [connection.address, 10.0.0.0/8]}"),
        (
            .isInBlocks([block("10.0.0.0/8"), block("2001:db8::/32")]),
            #"{in: [connection.address, [10.0.0.0/8, "2001:db8::/32"]]}"#
        ),
        (.like(.source(.header("x-a")), ActionPattern("a*")), #"{like: [http.header.x-a, "a*"]}"#),
        (
            .timeOfDay(.init(fromMinute: 1_320, toMinute: 366, days: [1, 0])),
            #"{time_of_day: {from: "22:00", to: "06:06", days: [mon, tue]}}"#
        ),
        (
            .timeOfDay(.init(fromMinute: 9, toMinute: 610)),
            #"{time_of_day: {from: "00:09", to: "10:10"}}"#
        ),
    ]

    @Test("each has one text", arguments: 0..<texts.count)
    func text(index: Int) {
        #expect(Self.texts[index].0.text == Self.texts[index].1)
    }

    @Test(
        "a constant is plain where it is a word, a whole number or a block, else in quotes",
        arguments: [
            ("room", "room"), ("a.b-c_d/e", "a.b-c_d/e"), ("room1", "room1"), ("7", "7"),
            ("-7", "-7"), ("007", "\"007\""), ("1.5", "\"1.5\""), ("", "\"\""),
            ("null", "\"null\""), ("True", "\"True\""), ("a b", "\"a b\""),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.0.0.1", "\"10.0.0.1\""), ("/8", "\"/8\""), ("1a/2", "\"1a/2\""),
            ("a\"b", "\"a\\\"b\""), ("a\\b", "\"a\\\\b\""), ("\n", "\"\\u000a\""),
            ("\u{2028}", "\"\\u2028\""), ("\u{FEFF}", "\"\\ufeff\""), ("é", "\"é\""),
            ("z", "z"), ("{", "\"{\""), ("@", "\"@\""), ("a:", "\"a:\""), ("9/0", "9/0"),
        ])
    func constant(value: String, text: String) {
        #expect(Condition.constant(value) == text)
    }

    @Test("every source has the name docs/policy.md gives it")
    func sources() {
        let texts: [(KeySource, String)] = [
            (.claim(["sub"]), "token.sub"),
            (.address(bits4: 24, bits6: 56), "connection.address/24,/56"),
            (.transport, "connection.transport"), (.action, "message.action"),
            (.loginUser, "login.user"), (.route, "http.route"), (.method, "http.method"),
        ]
        for (source, text) in texts { #expect(source.text == text) }
    }
}
