import NIOCore

extension JSONValue {
    /// Compact JSON text. A number that JSON cannot hold (infinite, not a number) becomes null.
    package func text() -> [UInt8] {
        var buffer = ByteBuffer()
        write(to: &buffer)
        return Array(buffer: buffer)
    }

    private func write(to buffer: inout ByteBuffer) {
        switch self {
        case .null: buffer.writeStaticString("null")
        case .bool(let value): buffer.writeStaticString(value ? "true" : "false")
        case .integer(let value): buffer.writeString(String(value))
        case .number(let value): buffer.writeString(value.isFinite ? "\(value)" : "null")
        case .string(let text): JSONText.append(text, to: &buffer)
        case .array(let values):
            buffer.writeStaticString("[")
            for (index, value) in values.enumerated() {
                if index > 0 { buffer.writeStaticString(",") }
                value.write(to: &buffer)
            }
            buffer.writeStaticString("]")
        case .object(let members):
            buffer.writeStaticString("{")
            for (index, member) in members.enumerated() {
                if index > 0 { buffer.writeStaticString(",") }
                JSONText.append(member.0, to: &buffer)
                buffer.writeStaticString(":")
                member.1.write(to: &buffer)
            }
            buffer.writeStaticString("}")
        }
    }
}
