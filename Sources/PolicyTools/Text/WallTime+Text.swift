import Foundation
import SluiceDocuments
import SluiceVocabulary

/// Wall times as policy tests and commands write them: RFC 3339, in UTC, whole seconds.
extension WallTime {
    /// Where a test's wall clock starts unless it says otherwise: a Thursday.
    static let testStart = WallTime(microseconds: 1_767_225_600_000_000)

    /// Reads `2026-11-29T12:00:00Z`; nil for anything else, dates that do not exist too.
    init?(text: String) {
        guard let date = try? Date(text, strategy: .iso8601) else { return nil }
        let seconds = date.timeIntervalSince1970
        guard (0..<253_402_300_800).contains(seconds) else { return nil }
        self.init(microseconds: Int64(seconds) * 1_000_000)
        // The parser is lenient: what it understood must be what was written.
        guard self.text == text else { return nil }
    }

    /// `2026-11-29T12:00:00Z`; parts of a second are cut off.
    var text: String {
        Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
    }
}

extension DocumentValue {
    /// A wall time like `2026-11-29T12:00:00Z`.
    func wallTime(_ sink: DiagnosticSink) -> WallTime? {
        guard let text = string(sink) else { return nil }
        if let time = WallTime(text: text) { return time }
        return expected(
            "a time like 2026-11-29T12:00:00Z", sink,
            hint: "date, `T`, time to the second, and `Z`: it is always UTC")
    }
}
