import SluicePolicy
import SluiceReload
import SluiceTelemetry
import SluiceVocabulary

/// What the whole says through the journal.
extension Journal {
    /// Takes over what the policy says about logging.
    func adopt(_ policy: PolicySnapshot) {
        adopt(
            budgetPerSecond: policy.model.logging.budgetPerSecond,
            reservePerSecond: policy.model.logging.reservePerSecond)
    }

    /// Counts what journald suppresses from now on; nil where entries do not go to journald.
    func watchSuppression(registry: MetricsRegistry, clocks: SystemClocks) -> SuppressedMonitor? {
        switch mode {
        case .standardError, .off: return nil
        case .auto where !Systemd.journaldIsPresent:
            writeEvent(
                MessageID.journalUnreadable,
                "no journald here: nothing suppresses entries, and "
                    + "sluice_journald_suppressed_total is absent", clocks: clocks)
            return nil
        case .auto, .journald: break
        }
        let monitor = SuppressedMonitor(
            registry: registry, namespace: ThisProcess.environment["LOG_NAMESPACE"],
            since: clocks.wall(),
            unreadable: { [self] reason in
                writeWarning(MessageID.journalUnreadable, "\(reason)", clocks: clocks)
            })
        monitor.start()
        return monitor
    }

    /// An entry of the process itself.
    func writeEvent(_ id: String, _ text: String, clocks: some Clocks) {
        var record = AccessRecord(event: .gateway, logClass: .ok, time: clocks.wall())
        record.messageID = id
        record.message = text
        writeShared(record)
    }

    /// An entry of the process itself that somebody should act upon.
    func writeWarning(_ id: String, _ text: String, clocks: some Clocks) {
        var record = AccessRecord(event: .gateway, logClass: .error, time: clocks.wall())
        record.priority = 4
        record.messageID = id
        record.message = text
        writeShared(record)
    }

    /// One entry per reload; a rejected one holds every error.
    func write(_ report: ReloadReport, clocks: some Clocks) {
        var record = AccessRecord(
            event: .reload, logClass: report.result == .rejected ? .error : .ok,
            time: clocks.wall())
        record.messageID =
            report.result == .rejected ? MessageID.reloadRejected : MessageID.reloadOK
        record.message = ([report.summary] + report.errors.dropFirst()).joined(separator: "\n")
        record.policy = report.newRevision
        record.durationNanoseconds = report.durationNanoseconds
        record.extra = [
            ("SLUICE_RELOAD_RESULT", report.result.rawValue),
            ("SLUICE_RULES_ADDED", report.added.joined(separator: " ")),
            ("SLUICE_RULES_CHANGED", report.changed.joined(separator: " ")),
            ("SLUICE_RULES_REMOVED", report.removed.joined(separator: " ")),
            ("SLUICE_POLICY_OLD", report.oldRevision),
        ].filter { !$0.1.isEmpty }
        if !report.needsRestart.isEmpty {
            record.extra.append(
                ("SLUICE_NEEDS_RESTART", report.needsRestart.joined(separator: " ")))
        }
        writeShared(record)
    }
}
