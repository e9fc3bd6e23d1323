import Glibc
package import Logging
import SluiceVocabulary

/// swift-log's backend: what libraries say ends in the same journal.
///
/// The logger's label becomes `SLUICE_LOG_LABEL`, metadata `SLUICE_LOG_<KEY>`.
package struct SluiceLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var logLevel: Logger.Level
    package var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let journal: Journal

    package init(label: String, journal: Journal, logLevel: Logger.Level = .info) {
        self.label = label
        self.journal = journal
        self.logLevel = logLevel
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: Logging.LogEvent) {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        var record = AccessRecord(
            event: .gateway, logClass: event.level >= .error ? .error : .ok,
            time: WallTime(
                microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000))
        record.priority = Self.priority(of: event.level)
        record.message = event.message.description
        record.extra = [("LOG_LABEL", label)]
        var all = metadata
        all.merge(metadataProvider?.get() ?? [:]) { $1 }
        all.merge(event.metadata ?? [:]) { $1 }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) {
            record.extra.append(("LOG_" + key, value.description.clipped(toBytes: 1_024)))
        }
        if let error = event.error {
            record.extra.append(("LOG_ERROR", "\(error)".clipped(toBytes: 1_024)))
        }
        journal.writeShared(record)
    }

    /// As `syslog(3)` counts them.
    private static func priority(of level: Logger.Level) -> UInt8 {
        switch level {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }
}
