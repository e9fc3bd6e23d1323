import SluiceDiscovery
import SluiceFraming
import SluiceUpstream

/// Instances of services, and where they come from.
extension ControlRoom {
    func upstreams() async -> String {
        let instances = await gateway.instances()
        let sources = await settings.discovery.status
        let kinds = Dictionary(uniqueKeysWithValues: sources.map { ($0.service, $0) })
        return Self.text(
            .object([
                (
                    "instances",
                    .array(
                        instances.map { instance in
                            let source = kinds[instance.service]
                            let told = source?.instances.first { $0.text == instance.instance }
                            var members: [(String, JSONValue)] = [
                                ("service", .string(instance.service)),
                                ("instance", .string(instance.instance)),
                                ("connected_loops", .integer(Int64(instance.connected))),
                                ("loops", .integer(Int64(instance.loops))),
                                ("source", .string(Self.origin(source))),
                                ("state", .string(instance.health.rawValue)),
                                ("weight", .integer(Int64(instance.weight))),
                                ("in_flight", .integer(Int64(instance.inFlight))),
                                ("ejected_ms", .integer(instance.ejectedMilliseconds)),
                            ]
                            if let told { members += Self.members(told) }
                            return .object(members)
                        })
                ),
                ("sources", .array(sources.map(Self.described))),
            ]))
    }

    /// A source that has told nothing yet leaves the configured instances in use.
    private static func origin(_ source: SourceStatus?) -> String {
        guard let source, !source.instances.isEmpty else { return "static" }
        return source.kind
    }

    private static func members(_ told: DiscoveredInstance) -> [(String, JSONValue)] {
        var members: [(String, JSONValue)] = []
        if !told.id.isEmpty { members.append(("id", .string(told.id))) }
        if !told.zone.isEmpty { members.append(("zone", .string(told.zone))) }
        if !told.tags.isEmpty { members.append(("tags", .array(told.tags.map { .string($0) }))) }
        return members
    }

    private static func described(_ source: SourceStatus) -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("service", .string(source.service)), ("source", .string(source.kind)),
            ("up", .bool(source.isUp)), ("stale", .bool(source.isStale)),
            ("instances", .integer(Int64(source.instances.count))),
            ("held_back", .integer(Int64(source.kept))),
        ]
        if !source.problem.isEmpty { members.append(("problem", .string(source.problem))) }
        return .object(members)
    }
}
