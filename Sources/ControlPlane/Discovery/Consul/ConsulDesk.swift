import FoundationEssentials
import NIOHTTP1

/// Registration with a Consul agent: a service with a TTL check.
struct ConsulDesk: RegistrationDesk {
    private struct Service: Encodable {
        let id: String
        let name: String
        let address: String
        let port: Int
        let tags: [String]
        let metadata: [String: String]
        let weights: ConsulEntry.Weights
        let check: Check

        enum CodingKeys: String, CodingKey {
            case id = "ID"
            case name = "Name"
            case address = "Address"
            case port = "Port"
            case tags = "Tags"
            case metadata = "Meta"
            case weights = "Weights"
            case check = "Check"
        }
    }

    private struct Check: Encodable {
        let ttl: String
        let status = "passing"
        /// Consul allows no less.
        let deregisterAfter = "1m"

        enum CodingKeys: String, CodingKey {
            case ttl = "TTL"
            case status = "Status"
            case deregisterAfter = "DeregisterCriticalServiceAfter"
        }
    }

    let registration: Registration
    let client: RegistryClient

    func register(connections: Int) async throws(SourceFailure) {
        let service = Service(
            id: registration.id, name: registration.service, address: registration.address,
            port: registration.port, tags: registration.tags,
            metadata: registration.metadata(connections: connections),
            weights: .init(passing: registration.weight, warning: 1),
            check: Check(ttl: "\(registration.ttlMilliseconds)ms"))
        let answer = try await put(
            "/v1/agent/service/register", [("replace-existing-checks", "true")], encoded(service))
        guard answer.isGood else { throw SourceFailure(ConsulAccess.problem(answer)) }
    }

    func beat(connections: Int) async throws(SourceFailure) -> Bool {
        let body = ["Status": "passing", "Output": "connections=\(connections)"]
        let id = RegistryClient.escaped("service:" + registration.id)
        return try await put("/v1/agent/check/update/\(id)", [], encoded(body)).isGood
    }

    func deregister() async throws(SourceFailure) {
        let id = RegistryClient.escaped(registration.id)
        let answer = try await put(
            "/v1/agent/service/deregister/\(id)", [], nil, patience: .seconds(2))
        // 404: it has gone already.
        guard answer.isGood || answer.status == 404 else {
            throw SourceFailure(ConsulAccess.problem(answer))
        }
    }

    private func put(
        _ path: String, _ query: [(String, String)], _ body: [UInt8]?,
        patience: Duration = .seconds(5)
    ) async throws(SourceFailure) -> RegistryClient.Answer {
        try await client.ask(
            .PUT, path, query, headers: ConsulAccess.headers(client.settings), body: body,
            patience: patience)
    }

    private func encoded(_ value: some Encodable) throws(SourceFailure) -> [UInt8] {
        do {
            return Array(try JSONEncoder().encode(value))
        } catch {
            throw SourceFailure("the registration cannot be written as JSON")
        }
    }
}
