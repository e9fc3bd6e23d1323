import Crypto
import Foundation
import NIOSSL
import SwiftASN1
import X509

/// Certificates of one file, in its order, in the two forms they are needed in.
struct CertificateChain {
    /// For reading names and dates.
    let certificates: [Certificate]
    /// For NIOSSL.
    let sources: [NIOSSLCertificate]
    /// SHA-256 over their bytes.
    let fingerprint: String

    init(_ blocks: [PEMBlock]) throws(DamagedCertificate) {
        var certificates: [Certificate] = []
        var sources: [NIOSSLCertificate] = []
        var hash = SHA256()
        for (index, block) in blocks.enumerated() {
            do {
                let der = try PEMDocument(pemString: block.text).derBytes
                certificates.append(try Certificate(derEncoded: der))
                sources.append(try NIOSSLCertificate(bytes: der, format: .der))
                hash.update(data: der)
            } catch {
                throw DamagedCertificate(number: index + 1)
            }
        }
        self.certificates = certificates
        self.sources = sources
        fingerprint = hash.finalize().map { String($0, radix: 16) }.joined(separator: ".")
    }

    /// Counting from 1.
    struct DamagedCertificate: Error { let number: Int }

    /// The place of the first certificate that did not sign the one before it; nil = in order.
    var firstOutOfOrder: Int? {
        certificates.indices.dropFirst().first {
            certificates[$0 - 1].issuer != certificates[$0].subject
        }
    }

    /// When the first of them expires, in seconds since 1970.
    var expiry: Double {
        certificates.map { $0.notValidAfter.timeIntervalSince1970 }.min() ?? .infinity
    }
}

extension Certificate {
    /// The host names it is for, lower case. The subject's common name counts for nothing any more
    /// (RFC 9525 section 2).
    var dnsNames: [String] {
        guard let names = try? extensions.subjectAlternativeNames else { return [] }
        return names.compactMap { name in
            guard case .dnsName(let text) = name else { return nil }
            return text.lowercased()
        }
    }

    /// False when its extended key usage leaves `usage` out (RFC 5280 section 4.2.1.12).
    func allows(_ usage: ExtendedKeyUsage.Usage) -> Bool {
        guard let usages = try? extensions.extendedKeyUsage else { return true }
        return usages.contains(usage) || usages.contains(.any)
    }

    /// True when it says that it signs no others.
    var isNoAuthority: Bool {
        guard case .notCertificateAuthority = try? extensions.basicConstraints else { return false }
        return true
    }

    /// Who it is for: the subject, then its alternative names. One line, at most 512 bytes.
    var identity: String {
        var parts: [String] = subject.isEmpty ? [] : ["\(subject)"]
        if let names = try? extensions.subjectAlternativeNames {
            for name in names {
                switch name {
                case .dnsName(let text): parts.append("DNS:" + text)
                case .uniformResourceIdentifier(let text): parts.append("URI:" + text)
                case .rfc822Name(let text): parts.append("email:" + text)
                default: continue
                }
            }
        }
        // The text is the client's own, as far as its authority let it: nothing that ends a line.
        let text = parts.joined(separator: ", ").unicodeScalars.map { scalar in
            scalar.properties.generalCategory == .control ? "?" : Character(scalar)
        }
        return String(String(text).prefix(512))
    }
}
