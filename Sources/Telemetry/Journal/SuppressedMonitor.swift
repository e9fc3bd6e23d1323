import Glibc
package import SluiceVocabulary
import Synchronization

/// Counts the entries of this process's unit that journald suppressed: it limits how many a unit may
/// write (`LogRateLimitBurst=`), takes the rest without an error, and tells of it in a notice.
///
/// A thread of its own looks for notices every two seconds; no event loop ever waits for it.
package final class SuppressedMonitor: Sendable {
    private static let pauseMilliseconds: Int32 = 2_000
    private static let looksForJournal = 3

    private let registry: MetricsRegistry
    private let namespace: String?
    private let since: WallTime
    private let pauseMilliseconds: Int32
    private let unreadable: @Sendable (JournalUnreadable) -> Void
    private let isStopping = Atomic<Bool>(false)
    private let wake = WakeDescriptor()
    private let finished = WakeDescriptor()

    /// - Parameters:
    ///   - registry: where `sluice_journald_suppressed_total` appears once the journal can be read.
    ///   - namespace: `$LOG_NAMESPACE`, where systemd sets it.
    ///   - since: when this process began to write.
    ///   - pauseMilliseconds: between two looks; nil = the usual two seconds.
    ///   - unreadable: told at most once, on the monitor's thread; there is no metric then.
    package init(
        registry: MetricsRegistry, namespace: String?, since: WallTime,
        pauseMilliseconds: Int32? = nil, unreadable: @escaping @Sendable (JournalUnreadable) -> Void
    ) {
        self.registry = registry
        self.namespace = namespace
        self.since = since
        self.pauseMilliseconds = pauseMilliseconds ?? Self.pauseMilliseconds
        self.unreadable = unreadable
    }

    /// Starts the thread. Call it once.
    package func start() { WriterThread.start(named: "sluice-suppress") { self.run() } }

    /// Ends the thread; one that is stuck on a slow disk is left alone after a moment.
    package func stop() {
        isStopping.store(true, ordering: .relaxed)
        wake.signal()
        finished.wait(milliseconds: 500)
    }

    private func run() {
        defer { finished.signal() }
        do throws(JournalUnreadable) {
            guard let notices = try open() else { return }
            let suppressed = registry.counter(.journaldSuppressed, [], shard: 0)
            while !isStopping.load(ordering: .relaxed) {
                suppressed.add(notices.takeCount())
                wake.wait(milliseconds: pauseMilliseconds)
            }
        } catch {
            unreadable(error)
        }
    }

    /// Looks a few times: a journal that has just begun has no entry yet. Nil when stopped meanwhile.
    private func open() throws(JournalUnreadable) -> SuppressionNotices? {
        // journald limits units, so outside of one there is nothing to look for: the count stays 0.
        let unit = Systemd.unit ?? ""
        for look in 1... {
            do throws(JournalUnreadable) {
                return try SuppressionNotices(namespace: namespace, unit: unit, since: since)
            } catch {
                if look == Self.looksForJournal { throw error }
            }
            wake.wait(milliseconds: pauseMilliseconds)
            if isStopping.load(ordering: .relaxed) { return nil }
        }
        return nil
    }
}
