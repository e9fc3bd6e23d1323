import NIOCore
import SluiceEdge
import SluiceSessions
import SluiceTelemetry
import SluiceVocabulary

/// `user.presence.reset`: told once when the gateway starts, before any presence of this run.
///
/// Tried again until the user service takes it: what the service believes of an earlier run would
/// otherwise stay. Clients are served meanwhile; their presence waits. Lives on the first loop.
final class PresenceReset {
    private static let longestPauseMilliseconds: Int64 = 5_000

    private let units: [LoopUnit]
    private let epoch: UInt64
    private let journal: Journal
    private var attempts: Int64 = 0

    private init(units: [LoopUnit], epoch: UInt64, journal: Journal) {
        self.units = units
        self.epoch = epoch
        self.journal = journal
    }

    /// Starts on the first loop, once the links have been asked to connect.
    static func start(_ units: [LoopUnit], epoch: UInt64, journal: Journal) {
        guard let home = units.first else { return }
        home.loop.execute {
            PresenceReset(units: units, epoch: epoch, journal: journal).attempt(home)
        }
    }

    private func attempt(_ home: LoopUnit) {
        home.edge.value.tellReset(epoch: epoch) { [self] isTaken in
            if isTaken {
                for unit in units {
                    unit.loop.execute { unit.sessions.value.openPresence() }
                }
            } else {
                retry(home)
            }
        }
    }

    /// The first pauses are short: links are being made while the gateway starts.
    private func retry(_ home: LoopUnit) {
        attempts += 1
        // By then something is wrong, and presence does not work.
        if attempts == 10 { complain() }
        let pause = min(Self.longestPauseMilliseconds, 20 << min(attempts, 8))
        let bound = NIOLoopBound(self, eventLoop: home.loop)
        home.loop.scheduleTask(in: .milliseconds(pause)) { bound.value.attempt(home) }
    }

    private func complain() {
        var record = AccessRecord(
            event: .upstream, logClass: .error, time: SystemClocks().wall())
        record.message =
            "no service takes user.presence.reset: presence of this run waits; it is tried again"
        journal.writeShared(record)
    }
}

@available(*, unavailable)
extension PresenceReset: Sendable {}
