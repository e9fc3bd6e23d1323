/// Identifies a trace over all the services it passes (W3C Trace Context, section 3.2.2.3).
package struct TraceID: Sendable, Equatable {
    package let high: UInt64
    package let low: UInt64

    /// - Returns: nil for 0, which means no trace.
    package init?(high: UInt64, low: UInt64) {
        guard high | low != 0 else { return nil }
        self.high = high
        self.low = low
    }

    /// Reads the trace id of a traceparent `00-<32 hex>-<16 hex>-<2 hex>`; nil for anything else a
    /// client sends there. Allocates nothing.
    package init?(traceparent text: String) {
        guard text.utf8.count == 55 else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        var position = 0
        for byte in text.utf8 {
            if position == 2 || position == 35 || position == 52 {
                guard byte == UInt8(ascii: "-") else { return nil }
            } else {
                guard let digit = Self.digit(byte) else { return nil }
                if (3..<19).contains(position) { words.0 = words.0 << 4 | digit }
                if (19..<35).contains(position) { words.1 = words.1 << 4 | digit }
            }
            position += 1
        }
        self.init(high: words.0, low: words.1)
    }

    /// 32 lower-case hexadecimal digits.
    package var text: String { hexadecimal(high) + hexadecimal(low) }

    private static func digit(_ byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
        default: nil
        }
    }
}
