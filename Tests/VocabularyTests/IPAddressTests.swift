import SluiceVocabulary
import Testing

@Suite("IP addresses")
struct IPAddressTests {
    @Test(
        "text is read in every form and written in the canonical one",
        arguments: [
            ("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "0.0.0.0"),
            ("255.255.255.255", "255.255.255.255"), ("::", "::"), ("::1", "::1"),
            ("2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"),
            ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("1:0:0:4:0:0:0:8", "1:0:0:4::8"),
            ("1:2:3:4:5:6:0:8", "1:2:3:4:5:6:0:8"), ("1::", "1::"),
            ("::ffff:10.1.2.3", "10.1.2.3"), ("::FFFF:0a01:0203", "10.1.2.3"),
            ("::10.1.2.3", "::a01:203"), ("64:ff9b::10.1.2.3", "64:ff9b::a01:203"),
            ("fe80::1%eth0", "fe80::1"),
        ])
    func text(_ written: String, _ canonical: String) throws {
        let address = try #require(IPAddress(written))
        #expect(address.text == canonical)
        #expect(IPAddress(address.text) == address)
        #expect(IPAddress(bytes: address.bytes) == address)
        #expect(address.bytes.count == (address.isV4 ? 4 : 16))
    }

    @Test(
        "what is no address is refused",
        arguments: [
            "", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", "+1.2.3.4", "1.2.3.",
            "0x1.2.3.4", ":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
            "1:2:3:4:5:6:7::8", "12345::", "g::", "+1::", "-1::", "::1.2.3", "1.2.3.4::",
            "::1.2.3.4:5", "::1%", "1.2.3.4%eth0", "[::1]", "::1/128", "localhost",
            "1:2:3:4:5:6:7:",
            ":1:2:3:4:5:6:7", "١.2.3.4",
        ])
    func refused(_ text: String) { #expect(IPAddress(text) == nil) }

    @Test(
        "a block holds its own family alone, mapped addresses count as IPv4",
        arguments: [
            ("10.0.0.0/8", "10.255.1.2", true), ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.1.1.1", true), ("::ffff:10.0.0.0/104", "10.1.1.1", true),
            ("0.0.0.0/0", "1.2.3.4", true), ("0.0.0.0/0", "::1", false), ("::/0", "::1", true),
            ("::/0", "1.2.3.4", false), ("::/0", "::ffff:1.2.3.4", false),
            ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.128/25", "192.0.2.127", false), ("192.0.2.128/25", "192.0.2.128", true),
            ("2001:db8::/33", "2001:db8:7fff::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false), ("::1/128", "::1", true),
            ("fd00::/8", "fdff::1", true), ("0.0.0.0/8", "::", false),
        ])
    func blocks(_ block: String, _ address: String, _ isIn: Bool) throws {
        #expect(try AddressBlock(block).contains(#require(IPAddress(address))) == isIn)
    }

    @Test(
        "what is no block is refused",
        arguments: [
            "", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.0/8/8", "::/129",
            "fe80::%eth0/64", "fe80::1%eth0", "example.org", "10.0.0.0/+8",
        ])
    func notABlock(_ text: String) {
        #expect(throws: AddressBlock.Problem.notABlock) { try AddressBlock(text) }
    }

    @Test(
        "bits behind the prefix are told with what was meant",
        arguments: [
            ("10.0.0.1/8", "10.0.0.0/8"), ("2001:db8::1/32", "2001:db8::/32"),
            ("::ffff:10.0.0.1/104", "10.0.0.0/8"), ("::1/0", "::/0"),
        ])
    func hostBits(_ text: String, _ meant: String) {
        #expect(throws: AddressBlock.Problem.hasHostBits(meant: meant)) { try AddressBlock(text) }
    }

    @Test(
        "a block's text is the one everybody writes, with its bits",
        arguments: [
            ("10.0.0.0/8", "10.0.0.0/8"), ("192.0.2.1", "192.0.2.1/32"), ("0.0.0.0/0", "0.0.0.0/0"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"), ("2001:DB8:0::/32", "2001:db8::/32"),
            ("::/0", "::/0"), ("::1", "::1/128"),
        ])
    func blockText(_ written: String, _ text: String) throws {
        #expect(try AddressBlock(written).text == text)
        #expect(try AddressBlock(AddressBlock(written).text) == AddressBlock(written))
    }

    @Test("a Unix socket is trusted only by its word, an address only by its block")
    func trust() throws {
        let blocks = TrustedProxies(blocks: [try AddressBlock("10.0.0.0/8")])
        #expect(blocks.contains(IPAddress("10.1.1.1")))
        #expect(!blocks.contains(IPAddress("1.1.1.1")))
        #expect(!blocks.contains(nil))
        #expect(TrustedProxies(includesUnixSockets: true).contains(nil))
        #expect(!TrustedProxies().contains(IPAddress("127.0.0.1")))
    }
}
