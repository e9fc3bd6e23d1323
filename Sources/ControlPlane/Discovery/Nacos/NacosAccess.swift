import FoundationEssentials
import NIOHTTP1

/// Requests to Nacos's open API, version 1, with the token its login gives.
actor NacosAccess {
    private struct Login: Decodable {
        let accessToken: String
        let tokenTtl: Int64?
    }

    nonisolated let client: RegistryClient
    private var token = ""
    private var tokenEnds: ContinuousClock.Instant?
    private let clock = ContinuousClock()

    init(_ client: RegistryClient) { self.client = client }

    /// Asks, logs in first where a user is configured, and once more when the token is not taken.
    func ask(
        _ method: HTTPMethod, _ path: String, _ query: [(String, String)],
        patience: Duration = .seconds(5)
    ) async throws(SourceFailure) -> RegistryClient.Answer {
        let first = try await client.ask(
            method, path, query + (try await credentials()), patience: patience)
        guard first.status == 403, !client.settings.user.isEmpty else { return first }
        tokenEnds = nil
        return try await client.ask(
            method, path, query + (try await credentials()), patience: patience)
    }

    private func credentials() async throws(SourceFailure) -> [(String, String)] {
        guard !client.settings.user.isEmpty else { return [] }
        if let tokenEnds, clock.now < tokenEnds { return [("accessToken", token)] }
        let form =
            "username=\(RegistryClient.escaped(client.settings.user))"
            + "&password=\(RegistryClient.escaped(client.settings.secret.text))"
        let answer = try await client.ask(
            .POST, "/nacos/v1/auth/login",
            headers: [("Content-Type", "application/x-www-form-urlencoded")],
            body: Array(form.utf8))
        guard answer.isGood,
            let login = try? JSONDecoder().decode(Login.self, from: Data(answer.body))
        else {
            throw SourceFailure(
                "it refuses the login (\(answer.status)); check registries.nacos.user and password_file"
            )
        }
        token = login.accessToken
        // A tenth early, so that it does not end on the way.
        tokenEnds = clock.now + .seconds(max(1, (login.tokenTtl ?? 300) * 9 / 10))
        return [("accessToken", token)]
    }

    static func problem(_ answer: RegistryClient.Answer) -> String {
        answer.status == 403
            ? "it refuses access (403); check registries.nacos.user and password_file"
            : answer.problem
    }
}
