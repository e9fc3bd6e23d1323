import NIOCore
import ServiceLifecycle
import SluiceDiscovery
import SluiceTelemetry
import SluiceUpstream
import SluiceVocabulary

extension UpstreamSnapshot {
    /// Replaces the configured instances of these services by those discovered, where any are.
    mutating func take(_ found: DiscoveredServices, for services: Set<String>) {
        for index in self.services.indices where services.contains(self.services[index].name) {
            guard let instances = found.instances[self.services[index].name], !instances.isEmpty
            else { continue }
            self.services[index].instances = instances.map {
                ServiceInstance(InstanceAddress($0), weight: max(1, $0.weight))
            }
        }
    }
}

extension InstanceAddress {
    /// The one place where what a source says becomes what the loops call.
    init(_ instance: DiscoveredInstance) {
        self.init(host: instance.host, port: instance.port)
    }
}

extension Blueprint {
    /// Services whose instances are discovered.
    var discoveredServices: Set<String> { Set(discovery.sources.keys) }
}

/// Discovery with its counters and journal entries.
enum DiscoveryAssembly {
    /// How long a start waits for the first answers before clients are let in.
    static let patience = Duration.seconds(2)

    static func make(
        group: any EventLoopGroup, registry: MetricsRegistry, journal: Journal,
        clocks: SystemClocks
    ) -> Discovery {
        Discovery(
            group: group,
            report: { event in
                count(event, registry)
                write(event, journal, clocks)
            },
            // Nobody should be called for a source that is not asked any more.
            ended: { registry.gauge(.discoveryUp, [$0], shard: 0).set(1) })
    }

    private static func count(_ event: DiscoveryEvent, _ registry: MetricsRegistry) {
        let report = event.report
        registry.counter(
            .discoveryUpdates, [event.source, report.result.rawValue], shard: 0
        ).addShared()
        registry.gauge(.discoveryUp, [event.source], shard: 0).set(
            report.result == .failed ? 0 : 1)
        let held = registry.counter(.discoveryHeldBack, [event.source], shard: 0)
        if report.result == .heldBack, !report.isRepeated { held.addShared() }
    }

    private static func write(
        _ event: DiscoveryEvent, _ journal: Journal, _ clocks: SystemClocks
    ) {
        let report = event.report
        let count = report.instances.count
        let id: String
        let text: String
        switch report.result {
        case .failed where event.wasUp != false:
            id = MessageID.discoveryFailed
            text =
                "discovery of \(event.service) (\(event.source)) failed: \(report.text); "
                + "the \(count) instances told last stay"
        case .heldBack where !report.isRepeated:
            id = MessageID.discoveryHeldBack
            text =
                "discovery of \(event.service) (\(event.source)) held back: \(report.kept) of "
                + "\(count) instances are missing from one answer and stay for now"
        case .changed:
            id = MessageID.discoveryChanged
            text =
                "\(event.service) has \(count) instances (\(event.source)): \(changes(event))"
        case .unchanged where event.wasUp == false:
            id = MessageID.discoveryChanged
            text = "\(event.service) has \(count) instances (\(event.source)): it answers again"
        case .failed, .heldBack, .unchanged: return
        }
        let isGood = id == MessageID.discoveryChanged
        var record = AccessRecord(
            event: .upstream, logClass: isGood ? .ok : .error, time: clocks.wall())
        if !isGood { record.priority = 4 }
        record.messageID = id
        record.message = text
        record.service = event.service
        journal.writeShared(record)
    }

    /// `+192.0.2.1:80 -192.0.2.2:80`, cut to a readable length.
    private static func changes(_ event: DiscoveryEvent) -> String {
        let before = Set(event.before.map(\.text))
        let after = Set(event.report.instances.map(\.text))
        let all =
            after.subtracting(before).sorted().map { "+" + $0 }
            + before.subtracting(after).sorted().map { "-" + $0 }
        if all.isEmpty { return "other weights or tags" }
        let more = all.count > 20 ? " and \(all.count - 20) more" : ""
        return all.prefix(20).joined(separator: " ") + more
    }
}
