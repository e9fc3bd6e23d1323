import NIOCore
import SluiceFraming
import SluiceVocabulary
import SwiftProtobuf

/// JSON: the parser takes nothing that the scanner refuses, what it takes it writes and reads again;
/// an envelope that was taken becomes protobuf that the generated code reads.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    let isWellFormed = bytes.withBytes { JSONEnvelope.isWellFormed($0) }
    if let value = try? JSONValue(parsing: bytes) {
        precondition(isWellFormed, "the parser takes what the scanner refuses")
        precondition(
            (try? JSONValue(parsing: value.text())) == value, "written text reads otherwise")
    }
    guard let view = bytes.withBytes({ bytes in try? JSONEnvelope.scan(bytes) }) else { return 0 }
    precondition(isWellFormed, "an envelope that is not JSON")
    var buffer = ByteBuffer()
    let isTranslated = bytes.withBytes { bytes in
        (try? JSONEnvelope.appendProtobuf(view, from: bytes, to: &buffer)) != nil
    }
    precondition(isTranslated, "taken, but cannot be translated")
    let envelope = try? Sluice_V1_Envelope(serializedBytes: Array(buffer.readableBytesView))
    precondition(envelope?.cmd == view.cmd && envelope?.seq == view.seq, "a number differs")
    if view.format == 1, !view.isPayloadBase64, let payload = envelope?.payload {
        precondition(
            payload.isEmpty || Array(payload).withBytes { JSONEnvelope.isWellFormed($0) },
            "data that is not JSON")
    }
    return 0
}
