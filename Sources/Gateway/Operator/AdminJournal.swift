import SluiceAdmin
import SluiceTelemetry
import SluiceVocabulary
import Synchronization

/// Who changed what through the admin interface, and who was not let: one journal entry each.
///
/// Whoever is let through has every entry written. Attempts that are not are written up to
/// `maxRefusalsPerSecond`; the counter `sluice_admin_calls_total` knows all of them.
final class AdminJournal: Sendable {
    static let maxRefusalsPerSecond = 20

    private let journal: Journal
    private let clocks: SystemClocks
    private let budget = Mutex((second: Int64(0), left: 0))

    init(journal: Journal, clocks: SystemClocks) {
        self.journal = journal
        self.clocks = clocks
    }

    func write(_ audit: AdminAudit) {
        let time = clocks.wall()
        guard audit.refusal == nil || takeRefusal(second: time.seconds) else { return }
        let outcome: LogClass =
            audit.refusal != nil || (400..<500).contains(audit.status)
            ? .refused : audit.status >= 500 ? .error : .ok
        var record = AccessRecord(event: .admin, logClass: outcome, time: time)
        record.action = audit.action
        record.status = UInt32(clamping: audit.status)
        record.refusal = audit.refusal?.rawValue
        record.message = "\(audit.action) by \(audit.caller.text): \(audit.summary)"
        record.extra = [("SLUICE_CALLER", audit.caller.text)]
        journal.writeShared(record)
    }

    private func takeRefusal(second: Int64) -> Bool {
        budget.withLock { budget in
            if budget.second != second { budget = (second, Self.maxRefusalsPerSecond) }
            budget.left -= 1
            return budget.left >= 0
        }
    }
}
