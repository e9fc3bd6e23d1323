import NIOHTTP1

/// A service in Nacos's naming service, asked again when its answer is too old.
///
/// Its pushes over UDP are not used: a list asked for every second or two is as good, and no port
/// has to be open for it.
struct NacosSource: InstanceSource {
    /// Milliseconds between two looks, within what Nacos asks for (`cacheMillis`, 10 s by default).
    static let pauses: ClosedRange<Int64> = 500...1_000

    private let access: NacosAccess
    private let query: NacosQuery

    init(_ query: NacosQuery, access: NacosAccess) {
        self.query = query
        self.access = access
    }

    mutating func next(within limit: Duration) async throws(SourceFailure) -> SourceAnswer {
        var parameters = [
            ("serviceName", query.service), ("groupName", query.group),
            ("healthyOnly", query.healthyOnly ? "true" : "false"),
        ]
        if !query.namespace.isEmpty { parameters.append(("namespaceId", query.namespace)) }
        if !query.clusters.isEmpty {
            parameters.append(("clusters", query.clusters.joined(separator: ",")))
        }
        let answer = try await access.ask(.GET, "/nacos/v1/ns/instance/list", parameters)
        guard answer.isGood else { throw SourceFailure(NacosAccess.problem(answer)) }
        let told = try NacosAnswer.read(answer.body, healthyOnly: query.healthyOnly)
        let pause = min(
            max(told.cacheMilliseconds ?? Self.pauses.upperBound, Self.pauses.lowerBound),
            Self.pauses.upperBound)
        return SourceAnswer(
            instances: told.instances, pause: .milliseconds(pause), skipped: told.skipped)
    }
}
