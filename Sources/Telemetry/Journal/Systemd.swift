import CSystemd
import Glibc
package import SluiceVocabulary

/// Talks to the service manager (`sd_notify(3)`). Everything here may block for a moment: call it
/// off the event loops.
package enum Systemd {
    /// What became of a notification.
    package enum Notified: Sendable, Equatable {
        case sent
        /// No service manager waits for any.
        case notSupervised
        /// An error number of the system.
        case failed(Int32)
    }

    /// Sends state lines, for example `READY=1\nSTATUS=serving`.
    @discardableResult
    package static func notify(_ text: String) -> Notified {
        let result = unsafe sd_notify(0, text)
        if result > 0 { return .sent }
        return result == 0 ? .notSupervised : .failed(-result)
    }

    /// The gateway serves; also ends a reload, rejected or not.
    @discardableResult
    package static func ready(status: String) -> Notified {
        notify("READY=1\nSTATUS=\(oneLine(status))")
    }

    /// A reload begins. Both lines go in one datagram, as `Type=notify-reload` needs it.
    @discardableResult
    package static func reloading(now: MonotonicTime) -> Notified {
        notify("RELOADING=1\nMONOTONIC_USEC=\(now.nanoseconds / 1_000)")
    }

    /// The gateway drains and will end.
    @discardableResult
    package static func stopping(status: String) -> Notified {
        notify("STOPPING=1\nSTATUS=\(oneLine(status))")
    }

    /// Tells the watchdog that the gateway lives.
    @discardableResult
    package static func watchdog() -> Notified { notify("WATCHDOG=1") }

    /// How often the watchdog must hear from us, in microseconds; nil when it does not watch.
    package static var watchdogMicroseconds: UInt64? {
        var interval: UInt64 = 0
        return unsafe sd_watchdog_enabled(0, &interval) > 0 ? interval : nil
    }

    /// Whether journald's socket is there. `sd_journal_sendv` does not tell: it succeeds without.
    package static var journaldIsPresent: Bool {
        unsafe access(journaldSocketPath, F_OK) == 0
    }

    /// The unit this process runs in, as journald sees it; nil outside of any.
    package static var unit: String? {
        var name: UnsafeMutablePointer<CChar>?
        guard unsafe sd_pid_get_unit(0, &name) >= 0, let found = unsafe name else { return nil }
        defer { unsafe free(found) }
        return unsafe String(cString: found)
    }

    private static func oneLine(_ text: String) -> String {
        String(text.map { $0.isNewline ? " " : $0 })
    }
}
