import Foundation
package import SluiceDocuments

extension Configuration.Key {
    /// The fewest bytes a secret for HS256 may have (RFC 7518 section 3.2).
    package static let minSecretBytes = 32

    /// Reads the secret: the file's bytes without the line end at its end.
    ///
    /// A relative path is looked up in `$CREDENTIALS_DIRECTORY` (systemd's `LoadCredential=`) when
    /// that is set and holds the file, else in the working directory. Nothing of the content ever
    /// gets into an error.
    package func readSecret(
        environment: [String: String]
    ) throws(DiagnosticList) -> (secret: [UInt8], warning: Diagnostic?) {
        let path = resolvedPath(environment)
        guard let data = FileManager.default.contents(atPath: path) else {
            let exists = FileManager.default.fileExists(atPath: path)
            throw problem(
                path, exists ? "the secret file cannot be read" : "there is no secret file here",
                hint: exists
                    ? "make it readable for the user the gateway runs as"
                    : "make one: head -c 32 /dev/urandom | base64 > \(path); chmod 600 \(path)")
        }
        guard data.count <= 65_536 else {
            throw problem(
                path, "the secret file is larger than 64 KiB", hint: "is it the right file?")
        }
        var secret = Array(data)
        if secret.last == 0x0A { secret.removeLast() }
        if secret.last == 0x0D { secret.removeLast() }
        guard secret.count >= Self.minSecretBytes else {
            throw problem(
                path, "the secret of key `\(kid)` has \(secret.count) bytes",
                hint: "\(algorithm) needs at least \(Self.minSecretBytes) (RFC 7518 section 3.2)")
        }
        return (secret, warning(path))
    }

    private func resolvedPath(_ environment: [String: String]) -> String {
        guard !secretFile.hasPrefix("/"), let directory = environment["CREDENTIALS_DIRECTORY"]
        else {
            return secretFile
        }
        let credential = directory + "/" + secretFile
        return FileManager.default.fileExists(atPath: credential) ? credential : secretFile
    }

    private func problem(_ path: String, _ message: String, hint: String) -> DiagnosticList {
        DiagnosticList([
            Diagnostic(
                severity: .error, position: SourcePosition(file: path), message: message, hint: hint
            )
        ])
    }

    private func warning(_ path: String) -> Diagnostic? {
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: path),
            let mode = attributes[.posixPermissions] as? Int, mode & 0o007 != 0
        else { return nil }
        return Diagnostic(
            severity: .warning, position: SourcePosition(file: path),
            message: "every user of this machine can reach the secret", hint: "chmod 600 \(path)")
    }
}
