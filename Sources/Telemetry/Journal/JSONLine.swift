/// An entry as one JSON object per line, for where there is no journald. All values are strings,
/// as `journalctl -o json` writes them.
struct JSONLine {
    private(set) var bytes: [UInt8] = []

    mutating func clear() { bytes.removeAll(keepingCapacity: true) }

    mutating func append(_ entry: EntryBuffer) {
        var isFirst = true
        bytes.append(UInt8(ascii: "{"))
        entry.forEachField { name, value in
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            appendString(name)
            bytes.append(UInt8(ascii: ":"))
            appendString(value)
        }
        bytes.append(contentsOf: "}\n".utf8)
    }

    /// RFC 8259 section 7: quote, backslash and control characters are escaped.
    private mutating func appendString(_ text: ArraySlice<UInt8>) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""): bytes.append(contentsOf: "\\\"".utf8)
            case UInt8(ascii: "\\"): bytes.append(contentsOf: "\\\\".utf8)
            case UInt8(ascii: "\n"): bytes.append(contentsOf: "\\n".utf8)
            case UInt8(ascii: "\t"): bytes.append(contentsOf: "\\t".utf8)
            case UInt8(ascii: "\r"): bytes.append(contentsOf: "\\r".utf8)
            case 0..<0x20, 0x7F:
                bytes.append(contentsOf: "\\u00".utf8)
                appendHexadecimal(byte >> 4)
                appendHexadecimal(byte & 15)
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func appendHexadecimal(_ digit: UInt8) {
        bytes.append(digit < 10 ? 48 + digit : 87 + digit)
    }
}
