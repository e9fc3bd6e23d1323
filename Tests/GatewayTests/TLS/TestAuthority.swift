import Crypto
import Foundation
import SwiftASN1
import X509

/// A certificate authority made up for one test, and the folder its files are in.
final class TestAuthority {
    let folder: URL
    let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
    let name: DistinguishedName
    let certificate: Certificate

    /// A certificate with its key.
    struct Pair {
        let certificate: Certificate
        let key: Certificate.PrivateKey

        var certificatePEM: String { get throws { try certificate.serializeAsPEM().pemString } }
        var keyPEM: String { get throws { try key.serializeAsPEM().pemString } }
    }

    init(_ commonName: String = "Test authority") throws {
        folder = FileManager.default.temporaryDirectory.appending(
            path: "sluice-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        name = try DistinguishedName { CommonName(commonName) }
        certificate = try Self.make(
            subject: name, issuer: name, publicKey: key.publicKey, signedBy: key, days: (-1, 365),
            try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
            })
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// A certificate for hosts, good from and until so many days from now.
    func issue(
        _ names: [String], days: (Double, Double) = (-1, 90),
        usage: ExtendedKeyUsage.Usage? = .serverAuth, isAuthority: Bool = false
    ) throws -> Pair {
        let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let made = try Self.make(
            subject: try DistinguishedName { CommonName(names.first ?? "nameless") }, issuer: name,
            publicKey: key.publicKey, signedBy: self.key, days: days,
            try Certificate.Extensions {
                if isAuthority {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                } else {
                    BasicConstraints.notCertificateAuthority
                }
                if let usage { try ExtendedKeyUsage([usage]) }
                if !names.isEmpty {
                    SubjectAlternativeNames(names.map { .dnsName($0) })
                }
            })
        return Pair(certificate: made, key: key)
    }

    /// Writes a file readable for its owner alone; returns its path.
    @discardableResult
    func write(_ name: String, _ text: String, mode: Int = 0o600) throws -> String {
        let path = folder.appending(path: name).path
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        return path
    }

    private static func make(
        subject: DistinguishedName, issuer: DistinguishedName, publicKey: Certificate.PublicKey,
        signedBy key: Certificate.PrivateKey, days: (Double, Double),
        _ extensions: Certificate.Extensions
    ) throws -> Certificate {
        try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: publicKey,
            notValidBefore: Date(timeIntervalSinceNow: days.0 * 86_400),
            notValidAfter: Date(timeIntervalSinceNow: days.1 * 86_400), issuer: issuer,
            subject: subject, signatureAlgorithm: .ecdsaWithSHA256, extensions: extensions,
            issuerPrivateKey: key)
    }
}
