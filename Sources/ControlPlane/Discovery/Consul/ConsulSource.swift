import NIOHTTP1

/// A service in Consul's catalogue, followed by blocking queries: Consul answers when something
/// changed, or when the wait is over.
///
/// Any server may answer (`stale`), so that losing the leader takes nothing away.
struct ConsulSource: InstanceSource {
    private let client: RegistryClient
    private let query: ConsulQuery
    private var index = ConsulIndex()

    init(_ query: ConsulQuery, client: RegistryClient) {
        self.query = query
        self.client = client
    }

    mutating func next(within limit: Duration) async throws(SourceFailure) -> SourceAnswer {
        let answer: RegistryClient.Answer
        do throws(SourceFailure) {
            answer = try await client.ask(
                .GET, "/v1/health/service/\(RegistryClient.escaped(query.service))",
                parameters(wait: limit), headers: ConsulAccess.headers(client.settings),
                wait: limit + limit / 16)
        } catch {
            // Whoever answers next may count differently.
            index.forget()
            throw error
        }
        guard answer.isGood else {
            index.forget()
            throw SourceFailure(ConsulAccess.problem(answer))
        }
        let told = try ConsulAnswer.read(answer.body, passingOnly: query.passingOnly)
        let isKnown = answer.headers.first(name: "X-Consul-KnownLeader") != "false"
        index.answered(answer.headers.first(name: "X-Consul-Index"))
        return SourceAnswer(
            instances: told.instances, pause: index.isUsable ? .milliseconds(100) : .seconds(1),
            isStale: !isKnown, skipped: told.skipped)
    }

    private func parameters(wait: Duration) -> [(String, String)] {
        var parameters = [("stale", ""), ("passing", query.passingOnly ? "true" : "false")]
        if !query.passingOnly { parameters.removeLast() }
        if let value = index.value {
            parameters += [("index", value), ("wait", "\(max(1, wait.milliseconds))ms")]
        }
        if !query.datacenter.isEmpty { parameters.append(("dc", query.datacenter)) }
        parameters += query.tags.map { ("tag", $0) }
        return parameters
    }
}

/// Where a blocking query goes on from.
package struct ConsulIndex: Sendable {
    private var last: UInt64 = 0

    package init() {}

    /// Nil = ask without waiting.
    package var value: String? { last > 0 ? "\(last)" : nil }

    /// Whether the registry said something one can wait on.
    package var isUsable: Bool { last > 0 }

    package mutating func forget() { last = 0 }

    /// An index that goes back means that the registry began anew: what comes next is asked whole.
    package mutating func answered(_ header: String?) {
        let new = header.flatMap { UInt64($0) } ?? 0
        last = new < last ? 0 : new
    }
}

/// What every request to Consul has in common.
enum ConsulAccess {
    static func headers(_ settings: RegistrySettings) -> [(String, String)] {
        settings.secret.isEmpty ? [] : [("X-Consul-Token", settings.secret.text)]
    }

    static func problem(_ answer: RegistryClient.Answer) -> String {
        answer.status == 403
            ? "it refuses the ACL token (403); check registries.consul.token_file"
            : answer.problem
    }
}
