import NIOSSL

/// Why TLS did not come about or ended: a word for metrics, a sentence for people. No secrets.
package struct TLSFailure: Sendable, Equatable {
    /// A closed set, the label `result` of `sluice_tls_handshakes_total`.
    package enum Kind: String, Sendable, CaseIterable {
        /// Both speak TLS, but no version in common.
        case noSharedVersion = "no_shared_version"
        /// No cipher, group or signature in common.
        case noSharedCipher = "no_shared_cipher"
        /// The peer showed no certificate although it must.
        case noCertificate = "no_certificate"
        /// The peer's certificate is not trusted, out of date, or of another name.
        case badCertificate = "bad_certificate"
        /// The peer refused: it sent an alert.
        case refusedByPeer = "refused_by_peer"
        /// What came is not TLS.
        case notTLS = "not_tls"
        /// The peer went away in the middle.
        case connectionLost = "connection_lost"
        /// TCP ended without TLS's goodbye (RFC 8446 section 6.1). After the handshake only.
        case truncated
        /// Not done in time.
        case timeout
        case other
    }

    package let kind: Kind
    package let text: String

    package init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }

    /// Whether an error of a channel comes from its TLS handler.
    package static func isTLS(_ error: any Error) -> Bool {
        error is NIOSSLError || error is NIOSSLExtraError || error is BoringSSLError
            || error is NIOSSLCloseTimedOutError
    }

    /// Reads an error of NIOSSL, which tells reasons as text only.
    package init(_ error: any Error) {
        if let error = error as? NIOSSLError {
            switch error {
            case .uncleanShutdown:
                self.init(.truncated, "the connection ended without TLS's goodbye")
            case .handshakeFailed(let inner): self.init(boring: inner)
            case .unableToValidateCertificate, .noCertificateToValidate, .cannotMatchULabel:
                self.init(.badCertificate, "the peer's certificate cannot be checked")
            default: self.init(.other, "TLS failed: \(error)")
            }
        } else if let error = error as? BoringSSLError {
            self.init(boring: error)
        } else if let error = error as? NIOSSLExtraError {
            let isName =
                error == .failedToValidateHostname || error == .serverHostnameImpossibleToMatch
            self.init(
                isName ? .badCertificate : .other,
                isName ? "the peer's certificate is for another name: \(error)" : "\(error)")
        } else {
            self.init(.other, "TLS failed: \(error)")
        }
    }

    private init(boring error: BoringSSLError) {
        guard case .sslError(let stack) = error, let first = stack.first else {
            self.init(.other, "TLS failed: \(error)")
            return
        }
        if first == .eofDuringHandshake {
            self.init(.connectionLost, "the peer went away during the TLS handshake")
        } else {
            let reason = Self.reason("\(first)")
            self.init(Self.kind(of: reason), Self.sentence(for: reason))
        }
    }

    /// BoringSSL's word, such as `WRONG_VERSION_NUMBER`, without the place in its source.
    private static func reason(_ description: String) -> String {
        let parts = description.split(separator: ":")
        guard let last = parts.lastIndex(where: { $0 == "OPENSSL_internal" }),
            last + 1 < parts.endIndex, let word = parts[last + 1].split(separator: " ").first
        else { return description }
        return String(word)
    }

    private static func kind(of reason: String) -> Kind {
        switch reason {
        case "UNSUPPORTED_PROTOCOL", "UNKNOWN_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION":
            .noSharedVersion
        case "NO_SHARED_CIPHER", "NO_SHARED_GROUP", "WRONG_CURVE", "NO_COMMON_SIGNATURE_ALGORITHMS",
            "UNKNOWN_CIPHER_RETURNED":
            .noSharedCipher
        case "PEER_DID_NOT_RETURN_A_CERTIFICATE": .noCertificate
        case "CERTIFICATE_VERIFY_FAILED": .badCertificate
        case "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "WRONG_VERSION_NUMBER", "BAD_PACKET_LENGTH",
            "INVALID_SSL_RECORD":
            .notTLS
        case _ where reason.contains("_ALERT_"): .refusedByPeer
        default: .other
        }
    }

    private static func sentence(for reason: String) -> String {
        switch kind(of: reason) {
        case .noSharedVersion: "the peer speaks no TLS version that is allowed here (\(reason))"
        case .noSharedCipher: "no cipher or group in common with the peer (\(reason))"
        case .noCertificate: "the peer showed no certificate (\(reason))"
        case .badCertificate:
            "the peer's certificate is not trusted or not valid now (\(reason))"
        case .notTLS: "the peer does not speak TLS (\(reason))"
        case .refusedByPeer: "the peer refused the TLS connection (\(reason))"
        default: "TLS failed (\(reason))"
        }
    }
}
