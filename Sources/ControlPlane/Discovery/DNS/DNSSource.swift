import NIOCore

/// A name in the DNS, asked again when its records expire.
struct DNSSource: InstanceSource {
    /// Names behind SRV records that are looked up besides.
    static let maxLookups = 64

    private let question: DNSQuestion
    private let group: any EventLoopGroup

    init(_ question: DNSQuestion, group: any EventLoopGroup) {
        self.question = question
        self.group = group
    }

    mutating func next(within limit: Duration) async throws(SourceFailure) -> SourceAnswer {
        // Read each time: the file may change while the gateway runs.
        let servers = question.servers.isEmpty ? ResolverFile.servers() : question.servers
        let client = DNSClient(group: group, servers: servers)
        switch question.kind {
        case .a: return try await addresses(client, .a)
        case .aaaa: return try await addresses(client, .aaaa)
        case .srv: return try await services(client)
        }
    }

    private func addresses(
        _ client: DNSClient, _ type: DNSType
    ) async throws(SourceFailure) -> SourceAnswer {
        let message = try await client.ask(question.name, type)
        let found = DNSAnswers.addresses(of: question.name, in: message.answers)
        let instances = found.addresses.map { address in
            DiscoveredInstance(host: DNSAnswers.text(address), port: question.port)
        }
        return SourceAnswer(instances: instances, pause: pause(found.ttlSeconds))
    }

    private func services(_ client: DNSClient) async throws(SourceFailure) -> SourceAnswer {
        let message = try await client.ask(question.name, .srv)
        let found = DNSAnswers.targets(of: question.name, in: message.answers)
        var ttl = found.ttlSeconds
        var lookups = 0
        var skipped = 0
        var instances: [DiscoveredInstance] = []
        var priority: UInt16?
        for target in found.targets {
            // A worse priority is for when no target of a better one has an address.
            if let priority, target.priority != priority, !instances.isEmpty { break }
            priority = target.priority
            var hosts = DNSAnswers.addresses(of: target.name, in: message.additional)
            if hosts.addresses.isEmpty, lookups < Self.maxLookups {
                lookups += 1
                hosts = try await lookUp(target.name, client)
            }
            if hosts.addresses.isEmpty { skipped += 1 }
            if let life = hosts.ttlSeconds { ttl = min(ttl ?? .max, life) }
            instances += hosts.addresses.map { address in
                DiscoveredInstance(
                    host: DNSAnswers.text(address), port: target.port, weight: target.weight,
                    id: target.name)
            }
        }
        return SourceAnswer(instances: instances, pause: pause(ttl), skipped: skipped)
    }

    private func lookUp(
        _ name: String, _ client: DNSClient
    ) async throws(SourceFailure) -> (addresses: [[UInt8]], ttlSeconds: UInt32?) {
        let four = DNSAnswers.addresses(of: name, in: try await client.ask(name, .a).answers)
        if !four.addresses.isEmpty { return four }
        return DNSAnswers.addresses(of: name, in: try await client.ask(name, .aaaa).answers)
    }

    /// The records' life within `min_ttl` and `max_ttl`; a name without records is asked for again soon.
    private func pause(_ ttlSeconds: UInt32?) -> Duration {
        let life = ttlSeconds.map { Int64($0) * 1_000 } ?? 5_000
        return .milliseconds(
            min(max(life, question.minTTLMilliseconds), question.maxTTLMilliseconds))
    }
}
