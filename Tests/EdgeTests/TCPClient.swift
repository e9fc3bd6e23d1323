import NIOCore
import NIOEmbedded
import SluiceEdge
import SluiceFraming
import SluiceTestSupport
import SluiceVocabulary
import Testing

/// The client's end of a TCP connection in the JSON codec.
final class TCPClient {
    let channel: LoopChannel
    private let rig: EdgeRig
    private var received = ByteBuffer()

    init(_ rig: EdgeRig, _ listener: Listener = Listener(name: "tcp", kind: .tcp)) throws {
        self.rig = rig
        channel = LoopChannel(
            loop: rig.loop, remoteAddress: try SocketAddress(ipAddress: "127.0.0.1", port: 5),
            allowsHalfClosure: true)
        try listener.accept(channel, rig.edge)
        channel.activate()
        rig.loop.run()
    }

    /// A client whose token has been taken.
    static func open(_ rig: EdgeRig, _ user: String) throws -> TCPClient {
        let client = try TCPClient(rig)
        try client.send(#"{"cmd":1,"seq":1,"data":{"token":"\#(rig.token(user))"}}"#)
        #expect(try client.envelopes().first?["data"]?["user"]?.string == user)
        return client
    }

    func send(_ json: String) { write(framed(Array(json.utf8))) }

    func framed(_ body: [UInt8]) -> [UInt8] {
        var bytes = ByteBuffer()
        bytes.writeInteger(UInt32(body.count))
        bytes.writeBytes(body)
        return Array(bytes.readableBytesView)
    }

    func write(_ bytes: some Sequence<UInt8>) {
        guard channel.isActive else { return }
        channel.receive(ByteBuffer(bytes: bytes))
        rig.loop.run()
    }

    /// Bodies that have come since the last question.
    func bodies() throws -> [[UInt8]] {
        for var bytes in channel.takeWritten() { received.writeBuffer(&bytes) }
        var found: [[UInt8]] = []
        while let length = received.getInteger(at: received.readerIndex, as: UInt32.self) {
            received.moveReaderIndex(forwardBy: 4)
            let body = received.readBytes(length: Int(length))
            found.append(try #require(body))
        }
        #expect(received.readableBytes == 0)
        return found
    }

    func envelopes() throws -> [JSONValue] {
        try bodies().map { try JSONValue(parsing: $0) }
    }

    /// The code of cmd 13, which must be the last thing said.
    func closeCode() throws -> Int64? {
        let last = try envelopes().last
        return last?["cmd"]?.integer == 13 ? last?["data"]?["code"]?.integer : nil
    }

    /// The client's FIN.
    func endInput() {
        channel.endInput()
        rig.loop.run()
    }
}
