/// One entry as runs of `NAME=value` in one buffer, kept from entry to entry.
struct EntryBuffer {
    /// Room for a value a client or token may have chosen.
    static let maxTextBytes = 1_024
    /// Room for readable text and claims.
    static let maxLongTextBytes = 16_384

    private(set) var bytes: [UInt8] = []
    /// Where each run ends.
    private(set) var ends: [Int] = []

    mutating func clear() {
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
    }

    mutating func text(
        _ field: JournalField, _ value: String, maxBytes: Int = EntryBuffer.maxTextBytes
    ) {
        begin(field.rawValue)
        append(value, maxBytes: maxBytes)
        end()
    }

    mutating func number(_ field: JournalField, _ value: UInt64) {
        begin(field.rawValue)
        append(value)
        end()
    }

    /// Adds a field under a name made to fit.
    mutating func further(_ name: String, _ value: String) {
        begin(name)
        append(value, maxBytes: Self.maxLongTextBytes)
        end()
    }

    mutating func begin(_ name: String) {
        bytes.append(contentsOf: name.utf8)
        bytes.append(UInt8(ascii: "="))
    }

    mutating func end() { ends.append(bytes.count) }

    mutating func append(_ value: String, maxBytes: Int = EntryBuffer.maxTextBytes) {
        if value.utf8.count <= maxBytes {
            bytes.append(contentsOf: value.utf8)
        } else {
            bytes.append(contentsOf: value.clipped(toBytes: maxBytes).utf8)
        }
    }

    /// Text within the composed line: control characters would break the line.
    mutating func appendInLine(_ value: String) {
        let start = bytes.count
        append(value, maxBytes: 256)
        for index in start..<bytes.count where bytes[index] < 0x20 || bytes[index] == 0x7F {
            bytes[index] = UInt8(ascii: " ")
        }
    }

    mutating func append(_ value: UInt64) {
        let start = bytes.count
        var rest = value
        repeat {
            bytes.append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        bytes[start...].reverse()
    }

    /// 16 hexadecimal digits.
    mutating func appendHexadecimal(_ value: UInt64) {
        for shift in stride(from: UInt64(60), through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: value >> shift & 15)
            bytes.append(digit < 10 ? 48 &+ digit : 87 &+ digit)
        }
    }

    /// Hands out each field's name and value, in order.
    func forEachField(_ body: (_ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) -> Void) {
        var start = 0
        for end in ends {
            let run = bytes[start..<end]
            start = end
            guard let equals = run.firstIndex(of: UInt8(ascii: "=")) else { continue }
            body(run[..<equals], run[(equals + 1)...])
        }
    }
}
