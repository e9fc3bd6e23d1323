import NIOCore
import NIOEmbedded
import SluiceEdge
import SluiceFraming
import SluiceTestSupport
import SluiceVocabulary
import Testing

/// The client's end of a connection: writes masked frames, reads what the gateway says.
final class EdgeClient {
    let channel: LoopChannel
    private let rig: EdgeRig
    private var received = ByteBuffer()
    /// Close code of the gateway's close frame, once one has come.
    private(set) var closeCode: UInt16?
    /// Ping frames that have come.
    private(set) var pings = 0

    init(_ rig: EdgeRig, from address: String = "127.0.0.1") throws {
        self.rig = rig
        channel = LoopChannel(
            loop: rig.loop, remoteAddress: try SocketAddress(ipAddress: address, port: 5))
        try Listener().accept(channel, rig.edge)
        channel.activate()
        rig.loop.run()
    }

    /// Asks for the upgrade; returns the response's head.
    func upgrade(
        token: String?, protocols: String? = "sluice.v1.json", query: String = "",
        headers: String = ""
    ) throws -> String {
        var request =
            "GET /ws\(query) HTTP/1.1\r\nHost: edge\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        if let token { request += "Authorization: Bearer \(token)\r\n" }
        if let protocols { request += "Sec-WebSocket-Protocol: \(protocols)\r\n" }
        return try http(request + headers + "\r\n")
    }

    /// Writes bytes of HTTP and returns the head of what comes back; the rest is kept.
    func http(_ request: String) throws -> String {
        channel.receive(ByteBuffer(string: request))
        rig.loop.run()
        drain()
        let bytes = received.readableBytesView
        let end = bytes.indices.first { bytes[$0...].starts(with: "\r\n\r\n".utf8) }
        let length = end.map { $0 - bytes.startIndex + 4 } ?? bytes.count
        return received.readString(length: length) ?? ""
    }

    func body() -> String { received.readString(length: received.readableBytes) ?? "" }

    func send(_ json: String) throws { try frame(opcode: 1, Array(json.utf8)) }

    func frame(opcode: UInt8, _ payload: [UInt8]) throws {
        guard channel.isActive else { return }
        let mask: [UInt8] = [1, 2, 3, 4]
        var bytes = ByteBuffer(bytes: [0x80 | opcode])
        if payload.count < 126 {
            bytes.writeInteger(0x80 | UInt8(payload.count))
        } else {
            bytes.writeInteger(0x80 | UInt8(126))
            bytes.writeInteger(UInt16(payload.count))
        }
        bytes.writeBytes(mask)
        bytes.writeBytes(payload.enumerated().map { $0.element ^ mask[$0.offset % 4] })
        channel.receive(bytes)
        rig.loop.run()
    }

    /// Envelopes that have come since the last question.
    func envelopes() throws -> [JSONValue] {
        drain()
        var found: [JSONValue] = []
        while let (opcode, payload) = readFrame() {
            switch opcode {
            case 1, 2: found.append(try JSONValue(parsing: payload))
            case 8: closeCode = payload.count < 2 ? 0 : UInt16(payload[0]) << 8 | UInt16(payload[1])
            case 9: pings += 1
            default: break
            }
        }
        return found
    }

    private func drain() {
        for var bytes in channel.takeWritten() { received.writeBuffer(&bytes) }
    }

    private func readFrame() -> (opcode: UInt8, payload: [UInt8])? {
        let start = received
        guard let first = received.readInteger(as: UInt8.self),
            let second = received.readInteger(as: UInt8.self)
        else {
            received = start
            return nil
        }
        var length = Int(second)
        if length == 126 { length = Int(received.readInteger(as: UInt16.self) ?? 0) }
        guard let payload = received.readBytes(length: length) else {
            received = start
            return nil
        }
        return (first & 0x0F, payload)
    }

    /// The client's FIN.
    func endInput() {
        channel.endInput()
        rig.loop.run()
    }

    /// The socket breaks.
    func hangUp() {
        channel.close(mode: .all, promise: nil)
        rig.loop.run()
    }
}
