/// A key as configuration or a key source names it. May hold a secret: never shown by `print`,
/// `dump` or an error.
package struct KeyMaterial: Sendable, CustomStringConvertible, CustomReflectable {
    /// The name by which a token's `kid` finds the key. Not empty, unique in its set.
    package let kid: String
    /// The only `alg` accepted with this key: the name of a `SignatureAlgorithm`.
    package let algorithm: String
    /// The key itself.
    package let form: Form

    /// How a key is written down.
    package enum Form: Sendable {
        /// Shared by those who sign and those who verify.
        case secret([UInt8])
        /// PEM of a SubjectPublicKeyInfo (RFC 5280) or an RSAPublicKey (RFC 8017).
        case publicKey(pem: String)
        /// PEM of a PrivateKeyInfo (RFC 5958), an RSAPrivateKey or an ECPrivateKey.
        case privateKey(pem: String)
        /// Numbers of an RSA public key, base64url (RFC 7518 section 6.3).
        case rsa(modulus: String, exponent: String)
        /// A point, base64url (RFC 7518 section 6.2).
        case point(x: String, y: String)
        /// An Ed25519 public key, base64url (RFC 8037 section 2).
        case octets(x: String)
    }

    package init(kid: String, algorithm: String, form: Form) {
        self.kid = kid
        self.algorithm = algorithm
        self.form = form
    }

    /// A shared secret.
    package init(kid: String, algorithm: String, secret: [UInt8]) {
        self.init(kid: kid, algorithm: algorithm, form: .secret(secret))
    }

    /// Whether it can sign, so that whoever reads it can make tokens.
    package var canSign: Bool {
        switch form {
        case .secret, .privateKey: true
        case .publicKey, .rsa, .point, .octets: false
        }
    }

    package var description: String { "key \(kid) (\(algorithm))" }
    package var customMirror: Mirror {
        Mirror(self, children: ["kid": kid, "algorithm": algorithm])
    }
}

/// Why keys cannot be used. Names the key, never its secret.
package enum KeyError: Error, Sendable, Equatable {
    case noKeys
    case emptyKid
    case duplicateKid(String)
    case unsupportedAlgorithm(kid: String, algorithm: String)
    case secretTooShort(kid: String, byteCount: Int, minimum: Int)
    /// A `kid` that the set does not have, where one was asked for.
    case unknownKid(String)
    /// The key verifies and does not sign.
    case cannotSign(String)
    /// Not PEM at all, or PEM of something else than a key.
    case notPEM(kid: String, found: String)
    /// A key that does not go with its algorithm.
    case wrongKind(kid: String, algorithm: String, wants: String, found: String)
    /// RSA below 2048 bits (RFC 7518 section 3.3).
    case keyTooShort(kid: String, bits: Int)
    /// It looks like the right kind and cannot be read.
    case unusable(kid: String)

    /// What the operator is told.
    package var text: String {
        switch self {
        case .noKeys: "no keys: tokens cannot be verified; name at least one under identity.keys"
        case .emptyKid: "a key needs a kid that is not empty"
        case .duplicateKid(let kid): "two keys have the kid `\(kid)`; each needs its own"
        case .unsupportedAlgorithm(let kid, let algorithm):
            "key `\(kid)`: algorithm `\(algorithm)` is not supported; use one of "
                + SignatureAlgorithm.allCases.map(\.rawValue).joined(separator: ", ")
        case .secretTooShort(let kid, let byteCount, let minimum):
            "key `\(kid)`: \(byteCount) bytes are too few; use at least \(minimum) random bytes"
        case .unknownKid(let kid): "there is no key with the kid `\(kid)`"
        case .cannotSign(let kid):
            "key `\(kid)` is public and cannot sign; name its private_key_file to issue tokens"
        case .notPEM(let kid, let found):
            "key `\(kid)`: expected a key in PEM (-----BEGIN PUBLIC KEY-----), found \(found)"
        case .wrongKind(let kid, let algorithm, let wants, let found):
            "key `\(kid)`: \(algorithm) wants \(wants), this is \(found)"
        case .keyTooShort(let kid, let bits):
            "key `\(kid)`: \(bits) bits are too few; an RSA key needs 2048 (RFC 7518 section 3.3)"
        case .unusable(let kid): "key `\(kid)` cannot be used: it is damaged"
        }
    }
}
