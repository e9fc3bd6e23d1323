import Foundation
package import SluiceDocuments
package import SluiceIdentity

extension Configuration {
    /// Reads a key: a secret without the line end at its end, or PEM.
    ///
    /// A relative path is looked up in `$CREDENTIALS_DIRECTORY` (systemd's `LoadCredential=`) when
    /// that is set and holds the file, else in the working directory. Nothing of the content ever
    /// gets into an error. Whether the key fits its algorithm shows when the set is made.
    package func readKey(_ key: Key) throws(DiagnosticList) -> KeyMaterial {
        let path = keyPath(of: key)
        let bytes = try readKeyFile(key, path)
        if key.kind == .secret {
            let secret = try readSecret(key, path, bytes)
            return KeyMaterial(kid: key.kid, algorithm: key.algorithm.rawValue, secret: secret)
        }
        let text = String(decoding: bytes, as: UTF8.self)
        let holdsPrivate = text.contains("PRIVATE KEY-----")
        let material = KeyMaterial(
            kid: key.kid, algorithm: key.algorithm.rawValue,
            form: key.kind == .privateKey || holdsPrivate
                ? .privateKey(pem: text) : .publicKey(pem: text))
        do throws(KeyError) {
            try KeySet.check(material)
        } catch {
            throw Self.problem(path, error.text, hint: "is it the right file?")
        }
        return material
    }

    private func readSecret(
        _ key: Key, _ path: String, _ bytes: [UInt8]
    ) throws(DiagnosticList) -> [UInt8] {
        var secret = bytes
        if secret.last == 0x0A { secret.removeLast() }
        if secret.last == 0x0D { secret.removeLast() }
        let minimum = key.algorithm.minSecretBytes
        guard secret.count >= minimum else {
            throw Self.problem(
                path, "the secret of key `\(key.kid)` has \(secret.count) bytes",
                hint: "\(key.algorithm.rawValue) needs at least \(minimum) "
                    + "(RFC 7518 section 3.2)")
        }
        return secret
    }

    private func readKeyFile(_ key: Key, _ path: String) throws(DiagnosticList) -> [UInt8] {
        let name = key.kind == .secret ? "secret file" : "key file"
        guard let data = FileManager.default.contents(atPath: path) else {
            let exists = FileManager.default.fileExists(atPath: path)
            let make =
                key.kind == .secret
                ? "make one: head -c 64 /dev/urandom | base64 -w0 > \(path); chmod 600 \(path)"
                : "put the key there in PEM"
            throw Self.problem(
                path, exists ? "the \(name) cannot be read" : "there is no \(name) here",
                hint: exists ? "make it readable for the user the gateway runs as" : make)
        }
        guard data.count <= 65_536 else {
            throw Self.problem(
                path, "the \(name) is larger than 64 KiB", hint: "is it the right file?")
        }
        return Array(data)
    }

    /// Whether the file is there at all; it may be put in place later than the configuration.
    package func hasSecret(of key: Key) -> Bool {
        FileManager.default.fileExists(atPath: keyPath(of: key))
    }

    /// What is doubtful about the files of all keys.
    package var keyWarnings: [Diagnostic] {
        identity.keys.flatMap { key in
            [secretWarning(of: key), privateKeyWarning(of: key)].compactMap(\.self)
        }
    }

    /// A warning when every user of the machine can reach the secret.
    package func secretWarning(of key: Key) -> Diagnostic? {
        let path = keyPath(of: key)
        guard key.kind != .publicKey || isPrivate(path) else { return nil }
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: path),
            let mode = attributes[.posixPermissions] as? Int, mode & 0o007 != 0
        else { return nil }
        return Diagnostic(
            severity: .warning, position: SourcePosition(file: path),
            message: "every user of this machine can reach the secret", hint: "chmod 600 \(path)")
    }

    /// A warning when a file holds a private key although this key only ever verifies.
    package func privateKeyWarning(of key: Key) -> Diagnostic? {
        let path = keyPath(of: key)
        guard key.kind != .secret, identity.issue?.key != key.kid, isPrivate(path) else {
            return nil
        }
        return Diagnostic(
            severity: .warning, position: SourcePosition(file: path),
            message: "key `\(key.kid)` only verifies, and this file holds its private half",
            hint: "keep that elsewhere: openssl pkey -in \(path) -pubout -out public.pem")
    }

    private func isPrivate(_ path: String) -> Bool {
        guard let data = FileManager.default.contents(atPath: path), data.count <= 65_536 else {
            return false
        }
        return String(decoding: data, as: UTF8.self).contains("PRIVATE KEY-----")
    }

    private func keyPath(of key: Key) -> String {
        guard !key.file.hasPrefix("/"), let directory = credentialsDirectory else {
            return key.file
        }
        let credential = directory + "/" + key.file
        return FileManager.default.fileExists(atPath: credential) ? credential : key.file
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
