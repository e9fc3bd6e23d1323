import NIOCore
import SluiceFraming
import SluiceVocabulary
import SwiftProtobuf
import Testing

@Suite("Native link frames")
struct LinkCodecTests {
    private func read(_ bytes: [UInt8], max: Int = 1_000) -> Result<LinkFrame?, LinkError> {
        var input = ByteBuffer(bytes: bytes)
        return outcome { () throws(LinkError) in try LinkCodec.read(&input, maxFrameBytes: max) }
    }

    @Test("a written frame is read back", arguments: LinkFrameKind.allCases)
    func roundTrip(kind: LinkFrameKind) throws {
        for body in [[], [1], [UInt8](repeating: 5, count: 900)] as [[UInt8]] {
            var buffer = ByteBuffer()
            body.withBytes {
                LinkCodec.write(kind, flags: 3, stream: 0xFEDC_BA98, body: $0, into: &buffer)
            }
            let start = LinkCodec.beginFrame(kind, stream: 1, into: &buffer)
            buffer.writeBytes(body)
            LinkCodec.endFrame(at: start, in: &buffer)
            let first = try #require(try LinkCodec.read(&buffer, maxFrameBytes: 1_000))
            #expect(
                first
                    == LinkFrame(
                        kind: kind, flags: 3, stream: 0xFEDC_BA98, body: ByteBuffer(bytes: body)))
            let second = try #require(try LinkCodec.read(&buffer, maxFrameBytes: 1_000))
            #expect(
                second == LinkFrame(kind: kind, flags: 0, stream: 1, body: ByteBuffer(bytes: body)))
            #expect(buffer.readableBytes == 0)
        }
    }

    @Test("a frame that is not whole is left alone")
    func partial() throws {
        let frame = hex("00 00 00 0a 02 00 00 00 00 00 00 07 68 69")
        for count in 0..<frame.count {
            var input = ByteBuffer(bytes: frame.prefix(count))
            #expect(try LinkCodec.read(&input, maxFrameBytes: 1_000) == nil)
            #expect(input.readableBytes == count)
        }
    }

    @Test("lost framing is found as early as the bytes show it")
    func lost() {
        #expect(read(hex("00 00 00 07")) == .failure(.tooShort(length: 7)))
        #expect(read(hex("00 00 00 00")) == .failure(.tooShort(length: 0)))
        #expect(read(hex("00 00 03 e9")) == .failure(.tooLarge(length: 1_001)))
        #expect(read(hex("00 00 03 e8")) == .success(nil))
        #expect(read(hex("ff ff ff ff")) == .failure(.tooLarge(length: .max)))
        #expect(read(hex("00 00 00 09 00 00 00 00 00 00 00 00")) == .failure(.unknownKind(0)))
        #expect(read(hex("00 00 00 09 09 00 00 00 00 00 00 00")) == .failure(.unknownKind(9)))
        #expect(read(hex("00 00 00 09 02 00 00 01 00 00 00 00")) == .failure(.reservedNotZero))
        #expect(read(hex("00 00 00 09 02 00 80 00 00 00 00 00")) == .failure(.reservedNotZero))
    }

    @Test("a hello, goaway and push result read back, and as the generated types do")
    func messages() throws {
        let hello = LinkHello(node: "gw-ä")
        #expect(try hello.encoded().withBytes { try LinkHello(from: $0) } == hello)
        #expect(try Sluice_V1_LinkHello(serializedBytes: hello.encoded()).node == "gw-ä")
        let goaway = LinkGoaway(reason: "drain")
        #expect(try goaway.encoded().withBytes { try LinkGoaway(from: $0) } == goaway)
        var result = PushResult()
        (result.delivered, result.queued, result.offline) = (1, 0, 300)
        #expect(try result.linkBody().withBytes { try PushResult(from: $0) } == result)
        let refused = PushResult(
            refusal: Refusal(.rateLimited, rule: "pushes", retryAfterMilliseconds: 1_500))
        #expect(try refused.linkBody().withBytes { try PushResult(from: $0) } == refused)
        let read = try Sluice_V1_LinkPushResult(serializedBytes: refused.linkBody())
        #expect((read.status, read.rule, read.retryAfterMs) == (429, "pushes", 1_500))
        #expect(outcome { try hex("0a").withBytes { try LinkHello(from: $0) } }.isFailure)
    }

    @Test("a push reads back whatever its targets, and as the generated type does")
    func push() throws {
        let session = SessionID(high: 0x0102_0304_0506_0708, low: .max)
        let targets: [PushTargets] = [
            .users(["alice", "bob", "ü"]), .users([""]), .sessions([session]), .all,
        ]
        for target in targets {
            for (deliveryClass, ttl) in [(DeliveryClass.must, 0), (.droppable, 60_000)]
                as [(DeliveryClass, UInt32)]
            {
                let push = LinkPush(
                    targets: target, deliveryClass: deliveryClass, ttlMilliseconds: ttl,
                    envelope: ByteBuffer(bytes: [16, 1]))
                var buffer = ByteBuffer()
                push.append(stream: 9, to: &buffer)
                let frame = try #require(try LinkCodec.read(&buffer, maxFrameBytes: 1_000))
                #expect(frame.kind == .push && frame.stream == 9)
                #expect(try LinkPush(from: frame.body) == push)
                #expect(frame.body.array == push.encoded())
                let generated = try Sluice_V1_LinkPush(serializedBytes: push.encoded())
                #expect(generated.ttlMs == ttl && generated.class == UInt32(deliveryClass.rawValue))
                #expect(Array(generated.envelope) == [16, 1])
                #expect(try generated.serializedBytes() as [UInt8] == push.encoded())
            }
        }
    }

    @Test(
        "a push without targets, with two kinds, of no class, or of broken bytes is refused",
        arguments: [
            "", "7a 01 00", "0a 01 61 18 01", "0a 01 61 20 03",
            "12 0f 000102030405060708090a0b0c0d0e",
            "0a 01 ff", "0a 05 61", "18 00", "18 01 20 80 02",
        ])
    func badPush(text: String) {
        let body = ByteBuffer(bytes: hex(text))
        #expect(
            outcome { () throws(LinkError) in try LinkPush(from: body) }
                == .failure(.badBody(.push)))
    }
}

extension Result {
    var isFailure: Bool { if case .failure = self { true } else { false } }
}
