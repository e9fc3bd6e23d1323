import FoundationEssentials

/// Nacos's `/nacos/v1/ns/instance/list`, as far as it matters here.
struct NacosList: Decodable, Sendable {
    struct Host: Decodable, Sendable {
        let ip: String?
        let port: Int?
        let weight: Double?
        let healthy: Bool?
        let enabled: Bool?
        let clusterName: String?
        let instanceId: String?
        let metadata: [String: String]?
    }

    let hosts: [Host]?
    /// How long the answer is good, in milliseconds.
    let cacheMillis: Int64?
}

/// Nacos's answer to `/nacos/v1/ns/instance/list`.
package enum NacosAnswer {
    /// The instances in it, how many entries that are wanted cannot be used, and how long it is good.
    package static func read(
        _ body: [UInt8], healthyOnly: Bool
    ) throws(SourceFailure) -> (
        instances: [DiscoveredInstance], skipped: Int, cacheMilliseconds: Int64?
    ) {
        let list: NacosList
        do {
            list = try JSONDecoder().decode(NacosList.self, from: Data(body))
        } catch {
            throw SourceFailure("its answer is no list of instances; is it Nacos?")
        }
        let wanted = (list.hosts ?? []).filter { $0.isWanted(healthyOnly: healthyOnly) }
        let instances = wanted.compactMap(\.instance)
        return (instances, wanted.count - instances.count, list.cacheMillis)
    }
}

extension NacosList.Host {
    /// Switched off, or with a weight of zero: Nacos's way to say that it gets no calls.
    func isWanted(healthyOnly: Bool) -> Bool {
        enabled != false && weight ?? 1 > 0 && (healthy != false || !healthyOnly)
    }

    /// Nil when the entry names no place that can be called. Nacos's weights have fractions: 1.0 is
    /// 100 here, so that 0.5 is half of it.
    var instance: DiscoveredInstance? {
        guard let ip, InstanceRules.isHost(ip), let port, (1...65_535).contains(port) else {
            return nil
        }
        let scaled = ((weight ?? 1) * 100).rounded()
        let weight =
            scaled.isFinite
            ? Int(min(max(scaled, 1), Double(InstanceRules.weights.upperBound))) : 1
        let zone = metadata?["zone"] ?? clusterName ?? ""
        return DiscoveredInstance(
            host: ip, port: port, weight: weight, id: InstanceRules.plain(instanceId ?? ""),
            zone: InstanceRules.plain(zone), metadata: metadata ?? [:])
    }
}
