import Foundation
import NIOSSL
import SluiceDocuments
import SwiftASN1
import X509

/// Reads the files that TLS is configured with; reports what is wrong with them at the place in the
/// configuration that names the file. Nothing of a key ever gets into a report.
struct TLSFiles {
    let configuration: Configuration
    let sink: DiagnosticSink
    /// Seconds since 1970.
    let now: Double

    /// Warned about when it is nearer than this.
    static let shortSeconds = 14.0 * 86_400
    static let maxFileBytes = 1_048_576

    /// What a certificate is shown as, for checking its extended key usage.
    enum Side { case server, client }

    /// A chain with the key of its first certificate.
    struct Identity {
        let chain: CertificateChain
        let key: NIOSSLPrivateKey
    }

    /// - Returns: nil after an error.
    func identity(_ files: Configuration.CertificateFiles, as side: Side) -> Identity? {
        let chain = certificates(files.certificate)
        let key = privateKey(files.key)
        guard let chain, let leaf = chain.certificates.first else { return nil }
        checkOrder(chain, files.certificate)
        checkDates(chain, files.certificate)
        if !leaf.allows(side == .server ? .serverAuth : .clientAuth) {
            let what = side == .server ? "servers" : "clients"
            sink.warning(
                "\(files.certificate.path): the certificate is not for \(what); "
                    + "peers that look at its extended key usage refuse it",
                at: files.certificate.place)
        }
        guard let key else { return nil }
        guard key.mine.publicKey == leaf.publicKey else {
            let owner = chain.certificates.firstIndex { $0.publicKey == key.mine.publicKey }
            sink.error(
                "\(files.key.path): the key does not belong to the certificate in "
                    + files.certificate.path,
                at: files.key.place,
                hint: owner.map {
                    "it belongs to certificate \($0 + 1) of that file; put that one first"
                } ?? "compare: openssl x509 -pubkey -noout -in CERT; openssl pkey -pubout -in KEY")
            return nil
        }
        return Identity(chain: chain, key: key.theirs)
    }

    /// The authorities in a file. Those that expired are left to the handshake to refuse.
    func authorities(_ file: Configuration.File) -> CertificateChain? {
        guard let chain = certificates(file) else { return nil }
        for (index, certificate) in chain.certificates.enumerated() where certificate.isNoAuthority
        {
            sink.warning(
                "\(file.path): certificate \(index + 1) is no authority's: it signs no others",
                at: file.place, hint: "name the certificate of whoever signed it")
        }
        checkDates(chain, file)
        return chain
    }

    // MARK: Certificates

    private func certificates(_ file: Configuration.File) -> CertificateChain? {
        guard let blocks = blocks(file, kind: "certificate") else { return nil }
        let wanted = blocks.filter(\.isCertificate)
        guard !wanted.isEmpty else {
            let isKey = blocks.contains { $0.isPrivateKey }
            return report(
                file,
                isKey
                    ? "this file holds a private key and no certificate"
                    : "no certificate is in it",
                hint: isKey
                    ? "have the two files been mixed up?"
                    : "it must hold -----BEGIN CERTIFICATE-----")
        }
        do {
            return try CertificateChain(wanted)
        } catch {
            return report(
                file, "certificate \(error.number) of \(wanted.count) is damaged",
                hint: "look at it: openssl x509 -text -noout -in \(file.path)")
        }
    }

    private func checkOrder(_ chain: CertificateChain, _ file: Configuration.File) {
        guard let place = chain.firstOutOfOrder else { return }
        sink.error(
            "\(file.path): the chain is out of order: certificate \(place + 1) did not sign "
                + "certificate \(place)",
            at: file.place,
            hint: "the server's own certificate comes first, then the one that signed it, and so on"
        )
    }

    /// Wrong dates are warnings: a gateway that does not start serves nobody, and one that keeps the
    /// old set forever cannot be put right.
    private func checkDates(_ chain: CertificateChain, _ file: Configuration.File) {
        for (index, certificate) in chain.certificates.enumerated() {
            let which = "\(file.path): certificate \(index + 1)"
            let (start, end) = (certificate.notValidBefore, certificate.notValidAfter)
            if now < start.timeIntervalSince1970 {
                sink.warning(
                    "\(which) is not valid before \(Self.text(start))", at: file.place,
                    hint: "peers refuse it until then; is the clock right?")
            } else if now > end.timeIntervalSince1970 {
                sink.warning(
                    "\(which) HAS EXPIRED on \(Self.text(end))", at: file.place,
                    hint: "peers refuse it; put a new one in place and reload")
            } else if now + Self.shortSeconds > end.timeIntervalSince1970 {
                sink.warning(
                    "\(which) expires on \(Self.text(end))", at: file.place,
                    hint: "put a new one in place and reload")
            }
        }
    }

    private static func text(_ date: Date) -> String { date.formatted(.iso8601) }

    // MARK: Keys

    /// The same key twice: NIOSSL's cannot tell its public key.
    private struct PrivateKey {
        let mine: Certificate.PrivateKey
        let theirs: NIOSSLPrivateKey
    }

    private func privateKey(_ file: Configuration.File) -> PrivateKey? {
        guard let blocks = blocks(file, kind: "key") else { return nil }
        warnAboutReaders(file)
        let keys = blocks.filter(\.isPrivateKey)
        guard let block = keys.first else {
            let isCertificate = blocks.contains { $0.isCertificate }
            return report(
                file,
                isCertificate
                    ? "this file holds a certificate and no private key"
                    : "no private key is in it",
                hint: isCertificate
                    ? "have the two files been mixed up?"
                    : "it must hold -----BEGIN PRIVATE KEY-----")
        }
        guard keys.count == 1 else {
            return report(file, "\(keys.count) private keys are in it", hint: "leave one")
        }
        guard !block.isEncrypted else {
            return report(
                file, "the private key is encrypted, and nobody is there to type its passphrase",
                hint: "decrypt it: openssl pkey -in \(file.path) -out PLAIN; chmod 600 PLAIN")
        }
        do {
            return PrivateKey(
                mine: try Certificate.PrivateKey(pemEncoded: block.text),
                theirs: try NIOSSLPrivateKey(bytes: Array(block.text.utf8), format: .pem))
        } catch {
            // The libraries' errors may quote what they could not read.
            return report(
                file, "the private key (\(block.label)) cannot be read",
                hint:
                    "it must be RSA of 2048 bits or more, ECDSA or Ed25519, as PKCS#8; convert it: "
                    + "openssl pkcs8 -topk8 -nocrypt -in \(file.path)")
        }
    }

    private func warnAboutReaders(_ file: Configuration.File) {
        let path = configuration.located(file.path)
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: path),
            let mode = attributes[.posixPermissions] as? Int, mode & 0o007 != 0
        else { return }
        sink.warning(
            "\(path): every user of this machine can reach the private key", at: file.place,
            hint: "chmod 600 \(path)")
    }

    // MARK: Files

    private func blocks(_ file: Configuration.File, kind: String) -> [PEMBlock]? {
        let path = configuration.located(file.path)
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: path) else {
            return report(
                file, "there is no such file",
                hint: path.hasPrefix("/")
                    ? "check the path" : "a relative path is looked up in the working directory")
        }
        guard attributes[.type] as? FileAttributeType != .typeDirectory else {
            return report(file, "this is a directory, not a file", hint: nil)
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            return report(
                file, "the file cannot be read",
                hint: "make it readable for the user the gateway runs as")
        }
        guard !data.isEmpty else { return report(file, "the file is empty", hint: nil) }
        guard data.count <= Self.maxFileBytes else {
            return report(file, "the file is larger than 1 MiB", hint: "is it the right file?")
        }
        // DER begins with a sequence (X.690 section 8.9); so do PKCS#12 files.
        guard data.first != 0x30, let text = String(data: data, encoding: .utf8) else {
            let command = kind == "key" ? "pkey" : "x509"
            return report(
                file, "this is no PEM file",
                hint:
                    "convert it: openssl \(command) -inform der -in \(file.path); of a PKCS#12 file: "
                    + "openssl pkcs12 -nodes -in \(file.path)")
        }
        guard let blocks = PEMBlock.blocks(in: text), !blocks.isEmpty else {
            return report(
                file, "this is no PEM file, or its end is missing",
                hint: "it must hold -----BEGIN ...----- and -----END ...-----")
        }
        return blocks
    }

    private func report<T>(_ file: Configuration.File, _ problem: String, hint: String?) -> T? {
        sink.error(
            "\(configuration.located(file.path)): \(problem)", at: file.place, hint: hint)
        return nil
    }
}

extension Configuration {
    /// Where a file is: relative ones in `$CREDENTIALS_DIRECTORY` (systemd's `LoadCredential=`) when
    /// that is set and holds them, else in the working directory.
    func located(_ path: String) -> String {
        guard !path.hasPrefix("/"), let directory = credentialsDirectory else { return path }
        let credential = directory + "/" + path
        return FileManager.default.fileExists(atPath: credential) ? credential : path
    }
}
