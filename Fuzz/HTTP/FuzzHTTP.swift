import NIOCore
import NIOEmbedded
import NIOHTTP1
import SluiceHTTPWire

/// HTTP/1 requests: however the input is cut, the requests are the same; and what is taken here another
/// strict reader (llhttp, by way of SwiftNIO) takes for the same requests. The first byte says where to cut.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    guard let first = bytes.first else { return 0 }
    let stream = Array(bytes.dropFirst())
    let cut = Int(first) % (stream.count + 1)
    let whole = read([stream])
    precondition(read([Array(stream[..<cut]), Array(stream[cut...])]) == whole, "cut in two")
    precondition(read(stream.map { [$0] }) == whole, "byte by byte")
    if !whole.isRefused { compare(whole.requests, stream) }
    return 0
}

/// One request as a reader understood it.
struct Request: Equatable {
    var method: String
    var fields: [String]
    var body: [UInt8] = []
    var isWhole = false

    init(_ head: HTTPRequestHead) {
        method = head.method.rawValue
        // SwiftNIO leaves the blanks behind a value.
        fields = head.headers.map { name, value in
            let end = value.utf8.lastIndex { $0 != 0x20 && $0 != 0x09 }
            return "\(name): " + (end.map { value[...$0] } ?? "")
        }
    }
}

struct Reading: Equatable {
    var requests: [Request] = []
    var isRefused = false
}

private func read(_ pieces: [[UInt8]]) -> Reading {
    var reader = HTTP1Reader(maxHeadBytes: 500, maxFields: 8)
    var input = ByteBuffer()
    var reading = Reading()
    for piece in pieces {
        input.writeBytes(piece)
        do throws(HTTPViolation) {
            while let event = try reader.next(&input) {
                switch event {
                case .head(let head): reading.requests.append(Request(head))
                case .body(let part):
                    reading.requests[reading.requests.count - 1].body += part.readableBytesView
                case .end: reading.requests[reading.requests.count - 1].isWhole = true
                }
            }
        } catch {
            reading.isRefused = true
            return reading
        }
    }
    return reading
}

/// Fails where the other reader understands something else.
private func compare(_ requests: [Request], _ stream: [UInt8]) {
    let channel = EmbeddedChannel(handler: ByteToMessageHandler(HTTPRequestDecoder()))
    defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
    var others: [Request] = []
    do {
        try channel.writeInbound(ByteBuffer(bytes: stream))
        while let part = try channel.readInbound(as: HTTPServerRequestPart.self) {
            switch part {
            case .head(let head): others.append(Request(head))
            case .body(let bytes): others[others.count - 1].body += bytes.readableBytesView
            case .end: others[others.count - 1].isWhole = true
            }
        }
    } catch {
        // Stricter than we are, for methods and for versions beside upgrades.
        return
    }
    // An upgrade or a close ends its reading early.
    for (ours, other) in zip(requests, others) where ours.isWhole && other.isWhole {
        if ours != other { fatalError("read in two ways: \(ours), \(other)") }
    }
}
