import Foundation
package import SluiceDocuments

extension Configuration {
    /// The fewest bytes a secret for HS256 may have (RFC 7518 section 3.2).
    package static let minSecretBytes = 32

    /// Reads a key's secret: the file's bytes without the line end at its end.
    ///
    /// A relative path is looked up in `$CREDENTIALS_DIRECTORY` (systemd's `LoadCredential=`) when
    /// that is set and holds the file, else in the working directory. Nothing of the content ever
    /// gets into an error.
    package func readSecret(of key: Key) throws(DiagnosticList) -> [UInt8] {
        let path = secretPath(of: key)
        guard let data = FileManager.default.contents(atPath: path) else {
            let exists = FileManager.default.fileExists(atPath: path)
            throw Self.problem(
                path, exists ? "the secret file cannot be read" : "there is no secret file here",
                hint: exists
                    ? "make it readable for the user the gateway runs as"
                    : "make one: head -c 32 /dev/urandom | base64 > \(path); chmod 600 \(path)")
        }
        guard data.count <= 65_536 else {
            throw Self.problem(
                path, "the secret file is larger than 64 KiB", hint: "is it the right file?")
        }
        var secret = Array(data)
        if secret.last == 0x0A { secret.removeLast() }
        if secret.last == 0x0D { secret.removeLast() }
        guard secret.count >= Self.minSecretBytes else {
            throw Self.problem(
                path, "the secret of key `\(key.kid)` has \(secret.count) bytes",
                hint:
                    "\(key.algorithm) needs at least \(Self.minSecretBytes) (RFC 7518 section 3.2)")
        }
        return secret
    }

    /// Whether the file is there at all; it may be put in place later than the configuration.
    package func hasSecret(of key: Key) -> Bool {
        FileManager.default.fileExists(atPath: secretPath(of: key))
    }

    /// A warning when every user of the machine can reach the secret.
    package func secretWarning(of key: Key) -> Diagnostic? {
        let path = secretPath(of: key)
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: path),
            let mode = attributes[.posixPermissions] as? Int, mode & 0o007 != 0
        else { return nil }
        return Diagnostic(
            severity: .warning, position: SourcePosition(file: path),
            message: "every user of this machine can reach the secret", hint: "chmod 600 \(path)")
    }

    private func secretPath(of key: Key) -> String {
        guard !key.secretFile.hasPrefix("/"), let directory = credentialsDirectory else {
            return key.secretFile
        }
        let credential = directory + "/" + key.secretFile
        return FileManager.default.fileExists(atPath: credential) ? credential : key.secretFile
    }

    private static func problem(
        _ path: String, _ message: String, hint: String
    ) -> DiagnosticList {
        DiagnosticList([
            Diagnostic(
                severity: .error, position: SourcePosition(file: path), message: message,
                hint: hint)
        ])
    }
}
