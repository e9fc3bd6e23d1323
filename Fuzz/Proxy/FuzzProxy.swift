import NIOCore
import SluiceFraming
import SluiceVocabulary

/// PROXY headers, and messages behind their length: however the input is cut, both are the same, and no
/// byte that follows is lost. The first byte says where to cut.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    guard let first = bytes.first else { return 0 }
    let stream = Array(bytes.dropFirst())
    let cut = Int(first) % (stream.count + 1)
    let whole = header([stream])
    precondition(header([Array(stream[..<cut]), Array(stream[cut...])]) == whole, "cut in two")
    precondition(header(stream.map { [$0] }) == whole, "byte by byte")
    let all = messages([stream])
    precondition(messages([Array(stream[..<cut]), Array(stream[cut...])]) == all, "messages")
    precondition(messages(stream.map { [$0] }) == all, "messages, byte by byte")
    return 0
}

private func messages(_ pieces: [[UInt8]]) -> [[UInt8]] {
    var input = ByteBuffer()
    var messages: [[UInt8]] = []
    for piece in pieces {
        input.writeBytes(piece)
        do throws(LengthPrefix.TooLarge) {
            while let message = try LengthPrefix.next(&input, maxMessageBytes: 300) {
                precondition(message.readableBytes <= 300, "over the limit")
                messages.append(Array(message.readableBytesView))
            }
        } catch {
            return messages
        }
    }
    return messages
}

/// What the header says and how many bytes of it there were; nil where there is none.
private struct Outcome: Equatable {
    var header: ProxyHeader?
    var isRefused = false
    var rest: [UInt8] = []
}

private func header(_ pieces: [[UInt8]]) -> Outcome {
    var input = ByteBuffer()
    var outcome = Outcome()
    for piece in pieces {
        input.writeBytes(piece)
        guard outcome.header == nil else { continue }
        do throws(ProxyHeader.Malformed) {
            outcome.header = try ProxyHeader.read(&input, maxBytes: 600)
        } catch {
            outcome.isRefused = true
            return outcome
        }
    }
    outcome.rest = Array(input.readableBytesView)
    return outcome
}
