/// Names of the fields an entry may have. docs/observability.md holds the same list; a test compares.
package enum JournalField: String, CaseIterable {
    case message = "MESSAGE"
    case priority = "PRIORITY"
    case messageID = "MESSAGE_ID"
    case identifier = "SYSLOG_IDENTIFIER"
    case event = "SLUICE_EVENT"
    case requestID = "SLUICE_REQUEST_ID"
    case connectionID = "SLUICE_CONNECTION_ID"
    case traceID = "SLUICE_TRACE_ID"
    case transport = "SLUICE_TRANSPORT"
    case action = "SLUICE_ACTION"
    case command = "SLUICE_COMMAND"
    case user = "SLUICE_USER"
    case device = "SLUICE_DEVICE"
    case platform = "SLUICE_PLATFORM"
    case app = "SLUICE_APP"
    case client = "SLUICE_CLIENT"
    case status = "SLUICE_STATUS"
    case outcome = "SLUICE_OUTCOME"
    case refusal = "SLUICE_REFUSAL"
    case rule = "SLUICE_RULE"
    case retryAfter = "SLUICE_RETRY_AFTER_MS"
    case service = "SLUICE_SERVICE"
    case instance = "SLUICE_INSTANCE"
    case attempts = "SLUICE_ATTEMPTS"
    case duration = "SLUICE_DURATION_US"
    case upstream = "SLUICE_UPSTREAM_US"
    case bytesIn = "SLUICE_BYTES_IN"
    case payloadBytes = "SLUICE_PAYLOAD_BYTES"
    case bytesOut = "SLUICE_BYTES_OUT"
    case topic = "SLUICE_TOPIC"
    case method = "SLUICE_METHOD"
    case remaining = "SLUICE_REMAINING"
    case time = "SLUICE_TIME_US"
    case policy = "SLUICE_POLICY"
    case weight = "SLUICE_WEIGHT"
    case claims = "SLUICE_CLAIMS"

    /// journald silently drops a field whose name is not 1-64 of A-Z, 0-9 and `_`, or starts with a
    /// digit; a leading `_` is reserved for what journald itself vouches for.
    static func isValid(_ name: String) -> Bool {
        guard (1...64).contains(name.utf8.count), let first = name.utf8.first else { return false }
        if first == UInt8(ascii: "_") || isDigit(first) { return false }
        return name.utf8.allSatisfy { isUpper($0) || isDigit($0) || $0 == UInt8(ascii: "_") }
    }

    /// A valid name of ours from any text: upper case, `_` for what does not fit, our prefix.
    static func fitted(_ name: String) -> String {
        var bytes: [UInt8] = []
        for byte in name.utf8 {
            if isUpper(byte) || isDigit(byte) {
                bytes.append(byte)
            } else if (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) {
                bytes.append(byte - 32)
            } else {
                bytes.append(UInt8(ascii: "_"))
            }
        }
        let text = String(decoding: bytes, as: UTF8.self)
        return String((text.hasPrefix("SLUICE_") ? text : "SLUICE_" + text).prefix(64))
    }

    private static func isUpper(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
