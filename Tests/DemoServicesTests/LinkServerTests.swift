import Foundation
import NIOCore
import NIOPosix
import SluiceDemoServices
import SluiceFraming
import SluiceVocabulary
import SwiftProtobuf
import Testing

@Suite("Service side of a link")
struct LinkServerTests {
    @Test("a hello is answered by a hello of version 1")
    func hello() async throws {
        try await withServices { port, _ in
            let link = try await LinkClient.connect(port: port, hello: false)
            try await link.send(.hello, body: LinkHello(node: "test").encoded())
            let frame = try await link.next()
            #expect(frame.kind == .hello)
            #expect(frame.stream == 0)
            let hello = try LinkHello(from: frame.body.readableBytesSpan)
            #expect(hello == LinkHello(node: "demo", version: 1))
            try await link.close()
        }
    }

    @Test("a gateway that does not follow the protocol loses its link")
    func protocolErrors() async throws {
        try await withServices { port, _ in
            let hello = LinkClient.frame(.hello, body: LinkHello(node: "t").encoded())
            let call = try LinkClient.call(.echo, stream: 1, payload: [1])
            var wrong: [[ByteBuffer]] = [
                [call],
                [LinkClient.frame(.ping)],
                [LinkClient.frame(.cancel, stream: 1)],
                [hello, hello],
                [hello, LinkClient.frame(.reply, stream: 1)],
                [hello, LinkClient.frame(.push, stream: 1)],
                [hello, LinkClient.frame(.ping, body: [UInt8](repeating: 0, count: 126))],
                [LinkClient.frame(.hello, body: LinkHello(node: "t", version: 2).encoded())],
                [LinkClient.frame(.hello, body: [0xFF])],
            ]
            for bytes: [UInt8] in [
                [0, 0, 0, 7, 2, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF],
                [0, 0, 0, 8, 9, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 8, 2, 0, 0, 1, 0, 0, 0, 0],
                Array("GET / HTTP/1.1\r\n\r\n".utf8),
            ] { wrong.append([hello, ByteBuffer(bytes: bytes)]) }
            for frames in wrong {
                let link = try await LinkClient.connect(port: port, hello: false)
                for frame in frames { link.channel.writeAndFlush(frame, promise: nil) }
                try await link.waitUntilClosed()
            }
        }
    }

    @Test("what was answered before a protocol error still arrives")
    func answersBeforeError() async throws {
        try await withServices { port, _ in
            let link = try await LinkClient.connect(port: port)
            var bytes = try LinkClient.call(.echo, stream: 3, payload: [9])
            var broken = LinkClient.frame(.reply, stream: 1)
            bytes.writeBuffer(&broken)
            try await link.send(bytes)
            #expect(try await link.next().stream == 3)
            try await link.waitUntilClosed()
        }
    }

    @Test("an echo repeats command, seq, format and payload, and nothing of the caller")
    func echo() async throws {
        try await withServices { port, _ in
            let link = try await LinkClient.connect(port: port)
            let large = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            for (seq, format, payload): (UInt64, UInt32, [UInt8]) in [
                (1, 0, [0xFF, 0, 1]), (UInt64.max, 1, Array(#"{"a":1}"#.utf8)), (0, 0, []),
                (7, 3, large),
            ] {
                try await link.send(
                    LinkClient.call(
                        .echo, stream: 0xFFFF_FFFE, seq: seq, format: format, payload: payload,
                        user: "alice"))
                let frame = try await link.next()
                #expect(frame.kind == .reply)
                #expect(frame.flags == 0)
                #expect(frame.stream == 0xFFFF_FFFE)
                let expected = Sluice_V1_Envelope.with {
                    $0.cmd = 100
                    $0.seq = seq
                    $0.kind = 1
                    $0.format = format
                    $0.payload = Data(payload)
                }
                #expect(try Sluice_V1_Envelope(frame) == expected)
            }
            try await link.close()
        }
    }

    @Test("calls are answered in their order, in whatever pieces they come")
    func pieces() async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var state = seed
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        try await withServices { port, _ in
            let link = try await LinkClient.connect(port: port)
            for (calls, largestPiece): (UInt32, Int) in [
                (500, .max), (500, 999), (500, 13), (9, 1),
            ] {
                var rest = ByteBuffer()
                for stream in 1...calls {
                    var call = try LinkClient.call(
                        .echo, stream: stream, payload: Array("payload \(stream)".utf8))
                    rest.writeBuffer(&call)
                }
                while rest.readableBytes > 0 {
                    let count = min(next(largestPiece) + 1, rest.readableBytes)
                    try await link.send(rest.readSlice(length: count) ?? ByteBuffer())
                }
                for stream in 1...calls {
                    let frame = try await link.next()
                    #expect(frame.stream == stream, "seed \(seed)")
                    let payload = try Sluice_V1_Envelope(frame).payload
                    #expect(Array(payload) == Array("payload \(stream)".utf8), "seed \(seed)")
                }
            }
            try await link.close()
        }
    }

    @Test("a ping is answered with its body, and an answer to one with nothing")
    func ping() async throws {
        try await withServices { port, _ in
            let link = try await LinkClient.connect(port: port)
            try await link.send(.ping, flags: LinkFlags.answer, body: [1])
            try await link.send(.ping, body: [1, 2, 3])
            let frame = try await link.next()
            #expect(frame.kind == .ping)
            #expect(frame.flags == LinkFlags.answer)
            #expect(Array(buffer: frame.body) == [1, 2, 3])
            try await link.close()
        }
    }

    @Test("cancel, push results and goaway are taken without an answer")
    func ignored() async throws {
        try await withServices { port, _ in
            let link = try await LinkClient.connect(port: port)
            try await link.send(.cancel, stream: 4)
            try await link.send(.pushResult, stream: 4, body: PushResult().linkBody())
            try await link.send(.goaway, body: LinkGoaway(reason: "drain").encoded())
            try await link.send(LinkClient.call(.echo, stream: 9, payload: [1]))
            #expect(try await link.next().stream == 9)
            try await link.close()
        }
    }

    @Test("a gateway that does not read is not read from until it does")
    func backPressure() async throws {
        try await withServices { port, _ in
            let slow = try await LinkClient.connect(port: port)
            let other = try await LinkClient.connect(port: port)
            try await slow.channel.setOption(.autoRead, value: false).get()
            let payload = [UInt8](repeating: 7, count: 1_000_000)
            let calls = 64
            var last: EventLoopFuture<Void>?
            for stream in 1...UInt32(calls) {
                let call = try LinkClient.call(.echo, stream: stream, payload: payload)
                last = slow.channel.writeAndFlush(call)
            }
            let finished = last?.map { true } ?? slow.channel.eventLoop.makeSucceededFuture(true)
            let isFinished = Flag()
            finished.whenComplete { _ in isFinished.set() }
            for round in 1...200 as ClosedRange<UInt32> {
                try await other.send(LinkClient.call(.echo, stream: round, payload: [1]))
                #expect(try await other.next().stream == round)
            }
            #expect(!isFinished.isSet)
            try await slow.channel.setOption(.autoRead, value: true).get()
            for stream in 1...UInt32(calls) {
                let frame = try await slow.next()
                #expect(frame.stream == stream)
                #expect(frame.body.readableBytes > payload.count)
            }
            try await slow.close()
            try await other.close()
        }
    }

    @Test("stop closes listener and links, start works once, and no link is left behind")
    func lifetime() async throws {
        let services = DemoServices(group: MultiThreadedEventLoopGroup.singleton)
        let port = try await services.start(host: "127.0.0.1", port: 0)
        await #expect(throws: DemoServices.StartError.notNew) {
            try await services.start(host: "127.0.0.1", port: 0)
        }
        let links = [
            try await LinkClient.connect(port: port), try await LinkClient.connect(port: port),
        ]
        #expect(services.openLinks == 2)
        await services.stop()
        for link in links { try await link.waitUntilClosed() }
        #expect(services.openLinks == 0)
        await #expect(throws: (any Error).self) { try await LinkClient.connect(port: port) }
        await services.stop()
        await #expect(throws: DemoServices.StartError.notNew) {
            try await services.start(host: "127.0.0.1", port: 0)
        }
    }
}
