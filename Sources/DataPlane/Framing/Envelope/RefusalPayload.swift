import NIOCore
import SluiceVocabulary

/// The message `Refusal` of Protos/envelope.proto, written by hand.
enum RefusalPayload {
    static func appendProtobuf(
        _ refusal: Refusal, _ entry: RefusalKind.Entry, to buffer: inout ByteBuffer
    ) {
        ProtobufText.append(field: 1, varint: UInt64(entry.status), to: &buffer)
        ProtobufText.append(field: 2, text: entry.name, to: &buffer)
        ProtobufText.append(field: 3, text: refusal.text, to: &buffer)
        ProtobufText.append(field: 4, varint: entry.temporary ? 1 : 0, to: &buffer)
        ProtobufText.append(field: 5, varint: refusal.retryAfterMilliseconds, to: &buffer)
        if let rule = refusal.rule { ProtobufText.append(field: 6, text: rule, to: &buffer) }
    }

    /// `retry_after_ms` is left out where it is not known, `rule` where none decided.
    static func appendJSON(
        _ refusal: Refusal, _ entry: RefusalKind.Entry, to buffer: inout ByteBuffer
    ) {
        var head = HeadBytes()
        head.append("{\"status\":")
        head.append(decimal: UInt64(entry.status))
        head.append(",\"name\":")
        head.write(to: &buffer)
        JSONText.append(entry.name, to: &buffer)
        buffer.writeStaticString(",\"message\":")
        JSONText.append(refusal.text, to: &buffer)
        var tail = HeadBytes()
        tail.append(entry.temporary ? ",\"temporary\":true" : ",\"temporary\":false")
        if refusal.retryAfterMilliseconds > 0 {
            tail.append(",\"retry_after_ms\":")
            tail.append(decimal: refusal.retryAfterMilliseconds)
        }
        tail.write(to: &buffer)
        if let rule = refusal.rule {
            buffer.writeStaticString(",\"rule\":")
            JSONText.append(rule, to: &buffer)
        }
        buffer.writeInteger(UInt8(ascii: "}"))
    }
}

/// Protobuf fields written one by one into a buffer; zero and empty are left out, as in proto3.
enum ProtobufText {
    static func append(field: UInt8, varint value: UInt64, to buffer: inout ByteBuffer) {
        var bytes = FieldBytes()
        bytes.append(field: field, varint: value)
        bytes.write(to: &buffer)
    }

    static func append(field: UInt8, text: String, to buffer: inout ByteBuffer) {
        if text.isEmpty { return }
        var bytes = FieldBytes()
        bytes.append(field << 3 | 2)
        bytes.append(varint: UInt64(text.utf8.count))
        bytes.write(to: &buffer)
        buffer.writeString(text)
    }
}
