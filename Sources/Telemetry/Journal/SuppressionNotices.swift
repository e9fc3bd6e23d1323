import CSystemd
import Glibc
import SluiceVocabulary

/// The journal cannot be read, so nobody sees what journald suppresses.
package struct JournalUnreadable: Error, CustomStringConvertible {
    /// Of the system; 0 = the journal opens, but none of it is visible to this user.
    package let errorNumber: Int32

    package init(errorNumber: Int32) { self.errorNumber = errorNumber }

    package var description: String {
        let reason = unsafe errorNumber == 0 ? "" : " (\(String(cString: strerror(errorNumber))))"
        return "cannot read the system journal\(reason), so entries that journald suppresses are "
            + "not counted and sluice_journald_suppressed_total is absent: let this user read it "
            + "(SupplementaryGroups=systemd-journal in the unit), and let journald keep one "
            + "(Storage= in journald.conf)"
    }
}

/// journald's notices that it suppressed entries of our unit, each once, oldest first
/// (`sd_journal_open(3)`).
///
/// Reads files, so it may block: one thread off the loops opens and uses it.
/// `@safe`: libsystemd's handle lives as long as this value and is closed with it; what it lends is
/// copied before the next call.
@safe
final class SuppressionNotices {
    /// "Suppressed N messages from UNIT" (`SD_MESSAGE_JOURNAL_DROPPED` of `sd-messages.h`).
    private static let messageID = "a596d6fe7bfa4994828e72309e95d61e"
    private static let countField = "N_DROPPED"
    private let journal: OpaquePointer

    /// - Parameters:
    ///   - namespace: the journal namespace of this process; nil = the default one.
    ///   - unit: the unit of this process.
    ///   - since: notices from before are none of ours.
    init(namespace: String?, unit: String, since: WallTime) throws(JournalUnreadable) {
        var opened: OpaquePointer?
        let flags = Int32(SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM)
        let result: Int32 =
            if let namespace {
                unsafe sd_journal_open_namespace(&opened, namespace, flags)
            } else {
                unsafe sd_journal_open(&opened, flags)
            }
        guard result >= 0, let journal = unsafe opened else {
            throw JournalUnreadable(errorNumber: -result)
        }
        unsafe self.journal = journal
        // A journal without any entry is one of which this user may see nothing: journald's first
        // entry is its own.
        var (first, last) = (UInt64(0), UInt64(0))
        guard unsafe sd_journal_get_cutoff_realtime_usec(journal, &first, &last) > 0 else {
            throw JournalUnreadable(errorNumber: 0)
        }
        for match in ["MESSAGE_ID=" + Self.messageID, "OBJECT_SYSTEMD_UNIT=" + unit] {
            let result = unsafe sd_journal_add_match(journal, match, match.utf8.count)
            guard result >= 0 else { throw JournalUnreadable(errorNumber: -result) }
        }
        let start = UInt64(clamping: since.microseconds)
        let sought = unsafe sd_journal_seek_realtime_usec(journal, start)
        guard sought >= 0 else { throw JournalUnreadable(errorNumber: -sought) }
    }

    deinit { unsafe sd_journal_close(journal) }

    /// Entries suppressed by the notices that have come since the last call.
    func takeCount() -> UInt64 {
        // Files that journald began or removed meanwhile; no waiting.
        _ = unsafe sd_journal_wait(journal, 0)
        var count: UInt64 = 0
        while unsafe sd_journal_next(journal) > 0 { count &+= readCount() }
        return count
    }

    private func readCount() -> UInt64 {
        var data: UnsafeRawPointer?
        var length = 0
        guard unsafe sd_journal_get_data(journal, Self.countField, &data, &length) >= 0,
            let start = unsafe data
        else { return 0 }
        let bytes = unsafe UnsafeRawBufferPointer(start: start, count: length)
        return unsafe UInt64(
            String(decoding: bytes.dropFirst(Self.countField.utf8.count + 1), as: UTF8.self)) ?? 0
    }
}
