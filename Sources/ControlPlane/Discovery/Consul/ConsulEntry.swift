import FoundationEssentials

/// One entry of Consul's `/v1/health/service/{name}`, as far as it matters here. Consul writes null
/// for what is empty.
struct ConsulEntry: Decodable, Sendable {
    struct Node: Decodable, Sendable {
        let address: String?
        let datacenter: String?

        enum CodingKeys: String, CodingKey {
            case address = "Address"
            case datacenter = "Datacenter"
        }
    }

    struct Service: Decodable, Sendable {
        let id: String?
        let address: String?
        let port: Int?
        let tags: [String]?
        let metadata: [String: String]?
        let weights: Weights?

        enum CodingKeys: String, CodingKey {
            case id = "ID"
            case address = "Address"
            case port = "Port"
            case tags = "Tags"
            case metadata = "Meta"
            case weights = "Weights"
        }
    }

    struct Weights: Codable, Sendable {
        let passing: Int?
        let warning: Int?

        enum CodingKeys: String, CodingKey {
            case passing = "Passing"
            case warning = "Warning"
        }
    }

    struct Check: Decodable, Sendable {
        let status: String?

        enum CodingKeys: String, CodingKey { case status = "Status" }
    }

    let node: Node
    let service: Service
    let checks: [Check]?

    enum CodingKeys: String, CodingKey {
        case node = "Node"
        case service = "Service"
        case checks = "Checks"
    }

    /// Nil when the entry names no place that can be called.
    var instance: DiscoveredInstance? {
        let own = service.address ?? ""
        let host = own.isEmpty ? node.address ?? "" : own
        guard InstanceRules.isHost(host), let port = service.port, (1...65_535).contains(port)
        else { return nil }
        let isWarning = (checks ?? []).contains { $0.status == "warning" }
        let weight = (isWarning ? service.weights?.warning : service.weights?.passing) ?? 1
        let zone = service.metadata?["zone"] ?? node.datacenter ?? ""
        return DiscoveredInstance(
            host: host, port: port, weight: InstanceRules.weight(weight),
            id: InstanceRules.plain(service.id ?? ""), zone: InstanceRules.plain(zone),
            tags: (service.tags ?? []).prefix(32).map(InstanceRules.plain),
            metadata: service.metadata ?? [:])
    }

    /// Instances without a critical check; those that warn are left out if only passing ones count.
    func isWanted(passingOnly: Bool) -> Bool {
        (checks ?? []).allSatisfy { check in
            check.status == "passing" || (check.status == "warning" && !passingOnly)
        }
    }
}

/// Consul's answer to `/v1/health/service/{name}`.
package enum ConsulAnswer {
    /// The instances in it, and how many entries that are wanted cannot be used.
    package static func read(
        _ body: [UInt8], passingOnly: Bool
    ) throws(SourceFailure) -> (instances: [DiscoveredInstance], skipped: Int) {
        let entries: [ConsulEntry]
        do {
            entries = try JSONDecoder().decode([ConsulEntry].self, from: Data(body))
        } catch {
            throw SourceFailure("its answer is no list of instances; is it Consul?")
        }
        let wanted = entries.filter { $0.isWanted(passingOnly: passingOnly) }
        let instances = wanted.compactMap(\.instance)
        return (instances, wanted.count - instances.count)
    }
}
