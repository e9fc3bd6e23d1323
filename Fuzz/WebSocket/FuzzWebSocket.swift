import NIOCore
import SluiceFraming
import SluiceVocabulary

/// WebSocket frames: however the input is cut, the events are the same; messages keep the limit.
/// The first byte says where to cut.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    guard let first = bytes.first else { return 0 }
    let stream = Array(bytes.dropFirst())
    let cut = Int(first) % (stream.count + 1)
    let whole = events([stream])
    precondition(events([Array(stream[..<cut]), Array(stream[cut...])]) == whole, "cut in two")
    precondition(events(stream.map { [$0] }) == whole, "byte by byte")
    return 0
}

private func events(_ pieces: [[UInt8]]) -> [String] {
    var reader = WebSocketReader(maxMessageBytes: 1_000)
    var input = ByteBuffer()
    var scratch = ByteBuffer()
    var events: [String] = []
    for piece in pieces {
        input.writeBytes(piece)
        do throws(WebSocketError) {
            while let event = try reader.next(&input, scratch: &scratch) {
                precondition(scratch.readableBytes <= 1_000, "over the limit")
                events.append("\(event) \(Array(scratch.readableBytesView))")
                if case .close = event { return events }
            }
        } catch {
            return events + [error.closeReason.name]
        }
    }
    return events
}
