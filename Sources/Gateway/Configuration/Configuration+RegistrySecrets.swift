import Foundation
package import SluiceDiscovery
package import SluiceDocuments

extension Configuration {
    private static let maxSecretBytes = 4_096

    /// What discovery is told: every source, and the registries with their secrets.
    ///
    /// - Parameter excluded: services that are answered elsewhere (the demo's).
    /// - Throws: a secret that cannot be read. Nothing of its content gets into the error.
    package func discoverySettings(
        excluding excluded: Set<String> = []
    ) throws(DiagnosticList) -> DiscoverySettings {
        var sources: [String: SourceSettings] = [:]
        for service in services where !excluded.contains(service.name) {
            if let source = service.discovery { sources[service.name] = source }
        }
        let kinds = Set(sources.values.map(\.kind) + [register?.registry.rawValue ?? ""])
        return DiscoverySettings(
            consul: try settings(registries.consul, isUsed: kinds.contains("consul")),
            nacos: try settings(registries.nacos, isUsed: kinds.contains("nacos")),
            sources: sources, holdMilliseconds: registries.holdMilliseconds)
    }

    private func settings(
        _ registry: Registry, isUsed: Bool
    ) throws(DiagnosticList) -> RegistrySettings {
        // A file for a registry that nobody asks need not be there.
        let secret = isUsed ? try readSecret(registry.secretFile) : ""
        return RegistrySettings(
            address: registry.address, authorityFile: registry.authorityFile, user: registry.user,
            secret: RegistrySecret(secret))
    }

    /// A relative path is looked up in `$CREDENTIALS_DIRECTORY` (systemd's `LoadCredential=`) first.
    private func readSecret(_ file: String) throws(DiagnosticList) -> String {
        guard !file.isEmpty else { return "" }
        let credential = (credentialsDirectory ?? "") + "/" + file
        let isCredential =
            !file.hasPrefix("/") && credentialsDirectory != nil
            && FileManager.default.fileExists(atPath: credential)
        let path = isCredential ? credential : file
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Self.secretProblem(
                path, "the registry's secret cannot be read",
                hint: "put it there, readable for the user the gateway runs as")
        }
        var bytes = Array(data.prefix(Self.maxSecretBytes + 1))
        while let last = bytes.last, last == 0x0A || last == 0x0D { bytes.removeLast() }
        guard (1...Self.maxSecretBytes).contains(bytes.count),
            bytes.allSatisfy({ (0x20...0x7E).contains($0) })
        else {
            throw Self.secretProblem(
                path, "this is no token or password",
                hint: "it is one line of at most \(Self.maxSecretBytes) printable characters")
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func secretProblem(
        _ path: String, _ message: String, hint: String
    ) -> DiagnosticList {
        DiagnosticList([
            Diagnostic(
                severity: .error, position: SourcePosition(file: path), message: message,
                hint: hint)
        ])
    }
}
