import SluicePolicy
import SluiceVocabulary
import Testing

@Suite("Addresses as keys")
struct AddressKeyTests {
    /// Whether two addresses share a bucket that is keyed by so many bits.
    private func share(_ one: String, _ other: String, bits4: UInt8 = 32, bits6: UInt8 = 64) -> Bool
    {
        var rule = perUser(limit: 1)
        rule.key = [.address(bits4: bits4, bits6: bits6)]
        let decider = evaluator(snapshot([rule]))
        #expect(decider.refusal(subject(nil, address: bytes(one)), 0) == nil)
        return decider.refusal(subject(nil, address: bytes(other)), 0) != nil
    }

    private func bytes(_ text: String) -> [UInt8] { IPAddress(text)?.bytes ?? [] }

    @Test("IPv4 is cut to the bits asked for, from the front", arguments: [0, 1, 8, 9, 31, 32])
    func four(bits: Int) {
        let base: UInt32 = 0xAA55_AA55
        for place in 0..<32 {
            let other = base ^ (1 << (31 - UInt32(place)))
            let text = { (value: UInt32) in
                [24, 16, 8, 0].map { String(value >> $0 & 255) }.joined(separator: ".")
            }
            #expect(share(text(base), text(other), bits4: UInt8(bits)) == (place >= bits))
        }
    }

    @Test(
        "IPv6 is cut to the bits asked for, from the front",
        arguments: [0, 1, 32, 63, 64, 65, 127, 128])
    func six(bits: Int) {
        let base = UInt128(0x2001_0DB8_AA55_AA55) << 64 | 0xAA55_AA55_AA55_AA55
        for place in 0..<128 {
            let other = base ^ (1 << (127 - UInt128(place)))
            let text = { (value: UInt128) in IPAddress(value: value).text }
            #expect(
                share(text(base), text(other), bits6: UInt8(bits)) == (place >= bits), "\(place)")
        }
    }

    @Test("an IPv4 address is no IPv6 address of the same bits, but the mapped one is the same")
    func families() {
        #expect(!share("192.0.2.1", "c000:201::"))
        #expect(!share("192.0.2.1", "c000:201::", bits6: 128))
        #expect(share("192.0.2.1", "::ffff:192.0.2.1"))
        var mapped = Array(repeating: UInt8(0), count: 10) + [255, 255, 192, 0, 2, 1]
        let decider = evaluator(snapshot([perUser(limit: 1)]))
        #expect(decider.refusal(subject(nil, address: [192, 0, 2, 1]), 0) == nil)
        #expect(decider.refusal(subject(nil, address: mapped), 0) != nil)
        mapped[0] = 1
        #expect(decider.refusal(subject(nil, address: mapped), 0) == nil)
        for place in [8, 9, 10, 11] {
            var other = mapped
            other[0] = 0
            other[place] ^= 1
            #expect(decider.refusal(subject(nil, address: other), 0) == nil || place > 8)
        }
    }

    @Test(
        "what stands in for a value is 64 bits of an IPv6 address",
        arguments: [
            KeySource.topic, .session, .claim(["plan"]),
        ])
    func standIn(source: KeySource) {
        var rule = perUser(limit: 1)
        rule.key = [source]
        let decider = evaluator(snapshot([rule]))
        let told = decider.explain(
            call(), for: subject(nil, address: bytes("2001:db8:1:2:3::4")), now: at(0))
        #expect(told.limits[0].key[0].value == "2001:db8:1:2::/64")
        #expect(decider.refusal(subject(nil, address: bytes("2001:db8::")), 0) == nil)
        #expect(decider.refusal(subject(nil, address: bytes("2001:db8:0:0:8000::")), 0) != nil)
        #expect(decider.refusal(subject(nil, address: bytes("2001:db8:0:1::")), 0) == nil)
        #expect(decider.refusal(subject(nil, address: [10, 0, 0, 1]), 0) == nil)
        #expect(decider.refusal(subject(nil, address: [10, 0, 0, 0]), 0) == nil)
    }

    @Test("without an address a peer counts as `::`, and all of them as one")
    func none() {
        let decider = evaluator(snapshot([perUser(limit: 1)]))
        #expect(decider.refusal(subject(nil, address: []), 0) == nil)
        #expect(decider.refusal(subject(nil, address: [1, 2, 3]), 0) != nil)
        #expect(decider.refusal(subject(nil, address: Array(repeating: 0, count: 16)), 0) != nil)
        #expect(decider.refusal(subject(nil, address: [0, 0, 0, 0]), 0) == nil)
        let trace = evaluator(snapshot([whole])).explain(
            call(), for: subject(nil, address: []), now: at(0))
        #expect(trace.limits[0].key[0].value == "::")
    }

    private var whole: LimitRule {
        var rule = perUser(limit: 1)
        rule.key = [.address(bits4: 32, bits6: 128)]
        return rule
    }

    @Test(
        "as a text it says its bits, unless all of them count",
        arguments: [
            ("192.0.2.77", 32, 64, "192.0.2.77"), ("192.0.2.77", 24, 64, "192.0.2.0/24"),
            ("192.0.2.77", 0, 64, "0.0.0.0/0"),
            ("2001:db8:1:2:3:4:5:6", 32, 64, "2001:db8:1:2::/64"),
            ("2001:db8:1:2:3:4:5:6", 32, 128, "2001:db8:1:2:3:4:5:6"),
            ("2001:db8:1:2:3:4:5:6", 32, 32, "2001:db8::/32"),
            ("2001:db8:1:2:3:4:5:6", 32, 80, "2001:db8:1:2:3::/80"), ("::1", 32, 0, "::/0"),
        ])
    func text(address: String, bits4: Int, bits6: Int, text: String) {
        var rule = perUser(limit: 1)
        rule.key = [.address(bits4: UInt8(bits4), bits6: UInt8(bits6))]
        let decider = evaluator(snapshot([rule]))
        let trace = decider.explain(call(), for: subject(nil, address: bytes(address)), now: at(0))
        #expect(trace.limits[0].key[0].value == text)
    }

    @Test("texts that differ, in length or in order, are different keys")
    func texts() {
        var rule = perUser(limit: 1)
        rule.key = [.topic, .loginUser]
        let decider = evaluator(snapshot([rule]))
        let alice = subject("alice")
        let texts = [
            "", "a", "b", "ab", "ba", "abcdefg", "abcdefgh", "abcdefghi", "abcdefgi",
            "abcdefghabcdefgh",
            "abcdefgh\u{0}", "hgfedcba",
        ]
        for one in texts {
            for other in texts {
                #expect(
                    decider.refusal(alice, 0, topic: one, loginUser: other) == nil,
                    "\(one) \(other)")
                #expect(decider.refusal(alice, 0, topic: one, loginUser: other) != nil)
            }
        }
    }
}
