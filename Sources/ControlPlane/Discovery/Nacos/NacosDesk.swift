import FoundationEssentials
import NIOHTTP1

/// Registration with Nacos: an ephemeral instance that is kept by beats.
struct NacosDesk: RegistrationDesk {
    private struct Beat: Encodable {
        let serviceName: String
        let ip: String
        let port: Int
        let cluster: String
        let weight: Double
        let metadata: [String: String]
        let scheduled = true
    }

    private struct BeatAnswer: Decodable {
        /// 20404 = no such instance.
        let code: Int?
    }

    private static let path = "/nacos/v1/ns/instance"

    let registration: Registration
    let access: NacosAccess

    func register(connections: Int) async throws(SourceFailure) {
        let query =
            place + [
                ("weight", "\(weight)"), ("enabled", "true"), ("healthy", "true"),
                ("metadata", try encoded(metadata(connections))),
            ]
        try check(try await access.ask(.POST, Self.path, query))
    }

    func beat(connections: Int) async throws(SourceFailure) -> Bool {
        let beat = Beat(
            serviceName: groupedName, ip: registration.address, port: registration.port,
            cluster: registration.cluster, weight: weight, metadata: metadata(connections))
        let answer = try await access.ask(
            .PUT, Self.path + "/beat", place + [("beat", try encoded(beat))])
        guard answer.isGood else {
            if answer.status == 404 { return false }
            throw SourceFailure(NacosAccess.problem(answer))
        }
        let told = try? JSONDecoder().decode(BeatAnswer.self, from: Data(answer.body))
        return told?.code != 20_404
    }

    func deregister() async throws(SourceFailure) {
        try check(try await access.ask(.DELETE, Self.path, place, patience: .seconds(2)))
    }

    private func check(_ answer: RegistryClient.Answer) throws(SourceFailure) {
        guard answer.isGood else { throw SourceFailure(NacosAccess.problem(answer)) }
    }

    /// The instance; parameters every call has.
    private var place: [(String, String)] {
        var parameters = [
            ("serviceName", groupedName), ("groupName", registration.group),
            ("clusterName", registration.cluster), ("ip", registration.address),
            ("port", "\(registration.port)"), ("ephemeral", "true"),
        ]
        if !registration.namespace.isEmpty {
            parameters.append(("namespaceId", registration.namespace))
        }
        return parameters
    }

    private var groupedName: String { "\(registration.group)@@\(registration.service)" }

    /// 100 of ours is Nacos's 1.0.
    private var weight: Double { Double(registration.weight) / 100 }

    private func metadata(_ connections: Int) -> [String: String] {
        let ttl = registration.ttlMilliseconds
        return registration.metadata(connections: connections).merging([
            "preserved.heart.beat.interval": "\(ttl / 3)",
            "preserved.heart.beat.timeout": "\(ttl)",
            "preserved.ip.delete.timeout": "\(ttl * 2)",
        ]) { $1 }
    }

    private func encoded(_ value: some Encodable) throws(SourceFailure) -> String {
        do {
            return String(decoding: try JSONEncoder().encode(value), as: UTF8.self)
        } catch {
            throw SourceFailure("the registration cannot be written as JSON")
        }
    }
}
