import NIOCore
import SluiceFraming
import SwiftProtobuf

/// An envelope in protobuf form: judged and read as by the generated code, and free of the gateway's
/// fields once they are stripped.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    let generated = try? Sluice_V1_Envelope(serializedBytes: bytes)
    let view = bytes.withBytes { bytes in try? ProtobufEnvelope.scan(bytes) }
    precondition((view == nil) == (generated == nil), "accept and reject differ")
    guard let view, let generated else { return 0 }
    precondition(view.cmd == generated.cmd && view.seq == generated.seq, "a number differs")
    precondition(
        Array(bytes[view.payload.range]) == Array(generated.payload), "the payload differs")
    let topic = bytes.withBytes { ProtobufEnvelope.text(view.topic, in: $0) }
    precondition(topic == generated.topic, "a text differs")
    var stripped = ByteBuffer()
    let isStripped = bytes.withBytes { bytes in
        (try? ProtobufEnvelope.appendWithoutGatewayFields(bytes, to: &stripped)) != nil
    }
    let again = try? ProtobufEnvelope.scan(stripped.readableBytesSpan)
    precondition(isStripped && again?.hasGatewayFields == false, "a gateway field survived")
    precondition(again?.cmd == view.cmd && again?.seq == view.seq, "stripping changed a field")
    return 0
}
