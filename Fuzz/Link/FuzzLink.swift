import NIOCore
import SluiceFraming
import SluiceVocabulary

/// Frames of the native link: what is read is written back to the same bytes; a push that is taken
/// means the same after a round trip.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    var input = ByteBuffer(bytes: bytes)
    var written = ByteBuffer()
    while let frame = try? LinkCodec.read(&input, maxFrameBytes: 4_096) {
        LinkCodec.write(
            frame.kind, flags: frame.flags, stream: frame.stream,
            body: frame.body.readableBytesSpan,
            into: &written)
        check(frame)
    }
    precondition(
        Array(bytes.prefix(written.readableBytes)) == Array(written.readableBytesView),
        "bytes differ")
    // The same bytes as a body, so that bodies are met without a good header before them.
    check(LinkFrame(kind: .push, flags: 0, stream: 1, body: ByteBuffer(bytes: bytes)))
    return 0
}

private func check(_ frame: LinkFrame) {
    if let push = try? LinkPush(from: frame.body) {
        precondition(
            (try? LinkPush(from: ByteBuffer(bytes: push.encoded()))) == push, "a push differs")
    }
    _ = try? LinkHello(from: frame.body.readableBytesSpan)
    _ = try? LinkGoaway(from: frame.body.readableBytesSpan)
    _ = try? PushResult(from: frame.body.readableBytesSpan)
}
