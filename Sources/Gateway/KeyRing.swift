import NIOCore
import ServiceLifecycle
import SluiceEdge
import SluiceIdentity
import SluiceKeySets
import SluiceTelemetry
import SluiceVocabulary
import Synchronization

/// Puts the configuration's keys and those of the key source together, whichever changes.
final class KeyRing: Sendable {
    private struct State {
        var snapshot: EdgeSnapshot
        var fetched: KeySet?
    }

    private let gateway: RunningGateway
    private let state: Mutex<State>

    init(gateway: RunningGateway, snapshot: EdgeSnapshot) {
        self.gateway = gateway
        state = Mutex(State(snapshot: snapshot, fetched: nil))
    }

    /// Puts a snapshot in force, with the keys fetched last.
    func publish(_ snapshot: EdgeSnapshot) async {
        await publish { $0.snapshot = snapshot }
    }

    /// Puts fetched keys in force, beside all that is.
    func publish(keys: KeySet?) async {
        await publish { $0.fetched = keys }
    }

    private func publish(_ change: @Sendable (inout State) -> Void) async {
        // Told to the loops under the lock: of two changes every loop sees the same last.
        let done = state.withLock { state in
            change(&state)
            var snapshot = state.snapshot
            if let fetched = state.fetched { snapshot.keys = snapshot.keys.merging(fetched) }
            return gateway.beginPublishing(snapshot)
        }
        await gateway.finishPublishing(done)
    }
}

/// The key source with its counters and journal entries.
enum KeySourceAssembly {
    static func make(
        ring: KeyRing, around: Startup.Surroundings
    ) -> KeySetSource {
        let registry = around.registry
        let (journal, clocks) = (around.journal, around.clocks)
        let wasGood = Mutex<Bool?>(nil)
        return KeySetSource(
            group: around.group, publish: { await ring.publish(keys: $0) },
            report: { result, text, keys in
                registry.counter(.keySourceFetches, [result.rawValue], shard: 0).addShared()
                registry.gauge(.keySourceKeys, [], shard: 0).set(Int64(keys))
                if result.isGood {
                    registry.gauge(.keySourceLastSuccess, [], shard: 0).set(clocks.wall().seconds)
                }
                let before = wasGood.withLock { was in
                    defer { was = result.isGood }
                    return was
                }
                if !result.isGood, before != false {
                    journal.writeWarning(
                        MessageID.keySource,
                        "key source failed: \(text); the keys fetched last stay", clocks: clocks)
                } else if result == .changed || (result.isGood && before == false) {
                    journal.writeEvent(
                        MessageID.keySource, "key source: \(text)", clocks: clocks)
                }
            })
    }
}

/// Fetches the keys of the source while the gateway runs.
struct KeySourceService: Service {
    let source: KeySetSource

    func run() async throws {
        // Ends by cancellation when the gateway stops: that is no error.
        await cancelWhenGracefulShutdown { await source.run() }
    }
}
