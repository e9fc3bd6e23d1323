import NIOCore
import ServiceLifecycle
import SluiceDiscovery
import SluiceEdge
import SluiceIdentity
import SluiceKeySets
import SluicePolicy
import SluiceTelemetry
import SluiceVocabulary
import Synchronization

/// Puts together what the loops decide by: the configuration's part, the key source's, and that of
/// discovery, whichever changes.
final class SnapshotPublisher: Sendable {
    private struct State {
        var snapshot: EdgeSnapshot
        /// Services whose instances are discovered.
        var discovered: Set<String>
        var fetched: KeySet?
        var services: DiscoveredServices
    }

    private let gateway: RunningGateway
    private let state: Mutex<State>

    /// - Parameter services: what the loops of `gateway` have from the start.
    init(
        gateway: RunningGateway, blueprint: Blueprint, policy: PolicySnapshot,
        services: DiscoveredServices
    ) {
        self.gateway = gateway
        state = Mutex(
            State(
                snapshot: blueprint.snapshot(policy), discovered: blueprint.discoveredServices,
                fetched: nil, services: services))
    }

    /// Puts the configuration's part in force, beside all that is.
    ///
    /// - Returns: the longest time for which a loop stood still, in nanoseconds.
    func publish(_ blueprint: Blueprint, _ policy: PolicySnapshot) async -> Int64 {
        let snapshot = blueprint.snapshot(policy)
        let discovered = blueprint.discoveredServices
        return await publish { state in
            state.snapshot = snapshot
            state.discovered = discovered
        }
    }

    /// Puts fetched keys in force, beside all that is.
    func publish(keys: KeySet?) async {
        _ = await publish { $0.fetched = keys }
    }

    /// Puts discovered instances in force, beside all that is. What is older than those is not taken.
    func publish(services: DiscoveredServices) async {
        let isNews = state.withLock { $0.services.version < services.version }
        guard isNews else { return }
        _ = await publish { state in
            if state.services.version < services.version { state.services = services }
        }
    }

    private func publish(_ change: @Sendable (inout State) -> Void) async -> Int64 {
        // Told to the loops under the lock: of two changes every loop sees the same last.
        let done = state.withLock { state in
            change(&state)
            var snapshot = state.snapshot
            if let fetched = state.fetched { snapshot.keys = snapshot.keys.merging(fetched) }
            snapshot.upstream.take(state.services, for: state.discovered)
            return gateway.beginPublishing(snapshot)
        }
        return await gateway.finishPublishing(done)
    }
}

/// The key source with its counters and journal entries.
enum KeySourceAssembly {
    static func make(
        publisher: SnapshotPublisher, around: Startup.Surroundings
    ) -> KeySetSource {
        let registry = around.registry
        let (journal, clocks) = (around.journal, around.clocks)
        let wasGood = Mutex<Bool?>(nil)
        return KeySetSource(
            group: around.group, publish: { await publisher.publish(keys: $0) },
            report: { result, text, keys in
                registry.counter(.keySourceFetches, [result.rawValue], shard: 0).addShared()
                registry.gauge(.keySourceKeys, [], shard: 0).set(Int64(keys))
                if result.isGood {
                    registry.gauge(.keySourceLastSuccess, [], shard: 0)
                        .set(clocks.wall().microseconds * 1_000)
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
