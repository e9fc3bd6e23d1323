import SluiceDiscovery
import Testing

/// Builds messages byte by byte, right and wrong ones.
struct Wire {
    var bytes: [UInt8] = []

    init(id: UInt16 = 7, flags: UInt16 = 0x8180, counts: [UInt16] = [1, 0, 0, 0]) {
        for word in [id, flags] + counts { add(word) }
    }

    mutating func add(_ word: UInt16) { bytes += [UInt8(word >> 8), UInt8(word & 0xFF)] }

    mutating func add(name: String) {
        for label in name.split(separator: ".") {
            bytes.append(UInt8(label.utf8.count))
            bytes += label.utf8
        }
        bytes.append(0)
    }

    mutating func add(pointer: Int) { add(UInt16(0xC000 | pointer)) }

    mutating func question(_ name: String, _ type: UInt16) {
        add(name: name)
        add(type)
        add(1)
    }

    /// The part of a record after its name.
    mutating func record(type: UInt16, ttl: UInt32 = 60, kind: UInt16 = 1, data: [UInt8]) {
        add(type)
        add(kind)
        add(UInt16(ttl >> 16))
        add(UInt16(ttl & 0xFFFF))
        add(UInt16(data.count))
        bytes += data
    }

    static func encoded(_ name: String) -> [UInt8] {
        var wire = Wire()
        wire.bytes = []
        wire.add(name: name)
        return wire.bytes
    }
}

@Suite("DNS: reading answers")
struct DNSReaderTests {
    @Test("an answer with pointers is read: addresses, aliases and services")
    func good() throws {
        var wire = Wire(counts: [1, 4, 0, 1])
        wire.question("Chat.Example", 33)
        wire.add(pointer: 12)
        wire.record(
            type: 33, ttl: 30, data: [0, 1, 0, 5, 0x1F, 0x90] + Wire.encoded("one.example"))
        wire.add(name: "alias.example")
        wire.record(type: 5, data: Wire.encoded("one.example"))
        wire.add(pointer: 17)
        wire.record(type: 28, data: Array(repeating: 1, count: 16))
        wire.add(pointer: 12)
        wire.record(type: 99, data: [1, 2, 3])
        wire.add(name: "one.example")
        wire.record(type: 1, ttl: 0x8000_0001, data: [192, 0, 2, 1])
        let message = try DNSReader.read(wire.bytes)
        #expect(message.id == 7 && message.code == 0 && !message.isTruncated)
        #expect(message.questionName == "chat.example" && message.questionType == 33)
        #expect(
            message.answers == [
                DNSRecord(
                    name: "chat.example", ttlSeconds: 30,
                    content: .service(priority: 1, weight: 5, port: 8080, target: "one.example")),
                DNSRecord(
                    name: "alias.example", ttlSeconds: 60, content: .alias("one.example")),
                DNSRecord(
                    name: "example", ttlSeconds: 60,
                    content: .address(Array(repeating: 1, count: 16))),
            ])
        #expect(
            message.additional == [
                DNSRecord(name: "one.example", ttlSeconds: 0, content: .address([192, 0, 2, 1]))
            ])
    }

    @Test("no prefix of a good answer is read as a whole one, and none is a trap")
    func cut() throws {
        var wire = Wire(counts: [1, 1, 0, 0])
        wire.question("a.example", 1)
        wire.add(pointer: 12)
        wire.record(type: 1, data: [192, 0, 2, 1])
        #expect(throws: Never.self) { try DNSReader.read(wire.bytes) }
        for count in wire.bytes.indices {
            #expect(throws: DNSProblem.self) { try DNSReader.read(Array(wire.bytes[..<count])) }
        }
    }

    @Test("a pointer to itself, forwards or in a ring is no name")
    func pointers() {
        for target in [12, 14, 200] {
            var wire = Wire()
            wire.add(pointer: target)
            wire.add(1)
            wire.add(1)
            #expect(throws: DNSProblem.badName) { try DNSReader.read(wire.bytes) }
        }
        var ring = Wire(counts: [1, 1, 0, 0])
        ring.question("a.example", 1)
        let first = ring.bytes.count
        ring.bytes += [1, UInt8(ascii: "x")]
        ring.add(pointer: first)
        ring.record(type: 1, data: [192, 0, 2, 1])
        #expect(throws: DNSProblem.badName) { try DNSReader.read(ring.bytes) }
    }

    @Test("a name of more than 255 bytes, put together from pointers, is refused")
    func longName() {
        var wire = Wire(counts: [1, 0, 0, 0])
        wire.add(
            name: Array(repeating: String(repeating: "a", count: 63), count: 4).joined(
                separator: "."))
        wire.add(1)
        wire.add(1)
        #expect(throws: DNSProblem.badName) { try DNSReader.read(wire.bytes) }
    }

    @Test("labels of unknown kinds, and bytes that no host name has, are refused")
    func labels() {
        for label in [[0x40, 1], [0x80, 1], [1, 0x20], [1, 0x00], [1, 0x2E], [1, 0xE4]] as [[UInt8]]
        {
            var wire = Wire()
            wire.bytes += label + [0]
            wire.add(1)
            wire.add(1)
            #expect(throws: DNSProblem.badName) { try DNSReader.read(wire.bytes) }
        }
    }

    @Test("a question, another opcode, no question and two of them are no answer")
    func notAnAnswer() {
        for (flags, questions) in [(0x0100, 1), (0x9180, 1), (0x8180, 0), (0x8180, 2)]
            as [(UInt16, UInt16)]
        {
            var wire = Wire(flags: flags, counts: [questions, 0, 0, 0])
            wire.question("a.example", 1)
            wire.question("a.example", 1)
            #expect(throws: DNSProblem.notAnAnswer) { try DNSReader.read(wire.bytes) }
        }
    }

    @Test("records whose length lies are refused")
    func records() {
        let wrong: [(type: UInt16, data: [UInt8])] = [
            (1, [192, 0, 2]), (1, [192, 0, 2, 1, 0]), (28, [0, 0, 0, 1]), (33, [0, 1, 0, 5, 0x1F]),
            (33, [0, 1, 0, 5, 0x1F, 0x90] + Wire.encoded("one.example") + [0]), (5, [3, 0x61]),
        ]
        for (type, data) in wrong {
            var wire = Wire(counts: [1, 1, 0, 0])
            wire.question("a.example", type)
            wire.add(pointer: 12)
            wire.record(type: type, data: data)
            #expect(throws: DNSProblem.self) { try DNSReader.read(wire.bytes) }
        }
    }

    @Test("of a truncated answer only its question is read")
    func truncated() throws {
        var wire = Wire(flags: 0x8380, counts: [1, 9, 0, 0])
        wire.question("a.example", 1)
        wire.bytes += [0xC0]
        let message = try DNSReader.read(wire.bytes)
        #expect(message.isTruncated && message.answers.isEmpty)
    }

    @Test("whatever bytes come, reading ends, with a message or a problem")
    func random() {
        var generator = SystemRandomNumberGenerator()
        var good = Wire(counts: [1, 2, 0, 1])
        good.question("chat.example", 33)
        for _ in 0..<3 {
            good.add(pointer: 12)
            good.record(type: 33, data: [0, 1, 0, 5, 0x1F, 0x90] + Wire.encoded("one.example"))
        }
        for _ in 0..<20_000 {
            var bytes = good.bytes
            for _ in 0...Int.random(in: 0...6, using: &generator) {
                bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(
                    in: 0...255, using: &generator)
            }
            if Bool.random(using: &generator) {
                bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator))
            }
            let result = Result { try DNSReader.read(bytes) }
            if case .success(let message) = result {
                #expect(message.answers.count <= bytes.count)
            }
        }
    }

    @Test("questions are written as RFC 1035 has them, and names that cannot be are none")
    func questions() throws {
        let question = try #require(DNSMessage.question("a.example.", .srv, id: 0x1234))
        var expected = Wire(id: 0x1234, flags: 0x0100, counts: [1, 0, 0, 0])
        expected.question("a.example", 33)
        #expect(question == expected.bytes)
        let long = String(repeating: "a", count: 64)
        let names = [
            "", ".", "a..b", ".a", long,
            Array(repeating: "abcdefg", count: 33).joined(separator: "."),
        ]
        for name in names { #expect(DNSMessage.question(name, .a, id: 1) == nil) }
    }
}

@Suite("DNS: what records mean")
struct DNSAnswersTests {
    private static func address(_ name: String, _ last: UInt8, ttl: UInt32) -> DNSRecord {
        DNSRecord(name: name, ttlSeconds: ttl, content: .address([192, 0, 2, last]))
    }

    @Test("aliases are followed, the shortest life counts, rings end")
    func aliases() {
        let records = [
            DNSRecord(name: "a", ttlSeconds: 50, content: .alias("b")),
            DNSRecord(name: "b", ttlSeconds: 9, content: .alias("c")),
            Self.address("c", 1, ttl: 20), Self.address("c", 2, ttl: 30),
            Self.address("a", 3, ttl: 1),
        ]
        let found = DNSAnswers.addresses(of: "A.", in: records)
        #expect(found.addresses.map(DNSAnswers.text) == ["192.0.2.1", "192.0.2.2"])
        #expect(found.ttlSeconds == 9)
        let ring = [
            DNSRecord(name: "a", ttlSeconds: 1, content: .alias("b")),
            DNSRecord(name: "b", ttlSeconds: 1, content: .alias("a")),
        ]
        #expect(DNSAnswers.addresses(of: "a", in: ring).addresses.isEmpty)
        #expect(DNSAnswers.addresses(of: "nobody", in: records).ttlSeconds == nil)
    }

    @Test("targets come by priority; weight 0 counts as the least; a dot says there is none")
    func targets() {
        func service(_ priority: UInt16, _ weight: UInt16, _ target: String) -> DNSRecord {
            DNSRecord(
                name: "s", ttlSeconds: UInt32(priority) + 10,
                content: .service(priority: priority, weight: weight, port: 1, target: target))
        }
        let found = DNSAnswers.targets(
            of: "s",
            in: [service(2, 9, "b"), service(1, 0, "c"), service(1, 7, "a"), service(0, 1, "")])
        #expect(found.targets.map(\.name) == ["a", "c", "b"])
        #expect(found.targets.map(\.weight) == [7, 1, 9])
        #expect(found.ttlSeconds == 10)
    }

    @Test("IPv6 addresses are written so that they can be read again")
    func text() {
        let bytes: [UInt8] = [0x20, 1, 0x0D, 0xB8] + Array(repeating: 0, count: 11) + [1]
        #expect(DNSAnswers.text(bytes) == "2001:db8:0:0:0:0:0:1")
    }

    @Test("name servers are those of resolv.conf, three at most, or this machine")
    func resolverFile() {
        let text =
            "# nameserver 192.0.2.9\nsearch x\nnameserver 192.0.2.1\n\tnameserver fe80::1\nnameserver 192.0.2.2 # b\nnameserver 192.0.2.3\n"
        #expect(ResolverFile.servers(in: text) == ["192.0.2.1:53", "[fe80::1]:53", "192.0.2.2:53"])
        #expect(ResolverFile.servers(in: "") == ["127.0.0.1:53"])
    }
}
