/// The algorithms a token may be signed with (RFC 7518 section 3.1, RFC 8037 section 3.1).
package enum SignatureAlgorithm: String, Sendable, CaseIterable {
    case hs256 = "HS256"
    case hs384 = "HS384"
    case hs512 = "HS512"
    case rs256 = "RS256"
    case rs384 = "RS384"
    case rs512 = "RS512"
    case ps256 = "PS256"
    case ps384 = "PS384"
    case ps512 = "PS512"
    case es256 = "ES256"
    case es384 = "ES384"
    case es512 = "ES512"
    case edDSA = "EdDSA"

    /// What kind of key an algorithm wants.
    package enum Family: Sendable { case hmac, rsa, ellipticCurve, edwards }

    package var family: Family {
        switch self {
        case .hs256, .hs384, .hs512: .hmac
        case .rs256, .rs384, .rs512, .ps256, .ps384, .ps512: .rsa
        case .es256, .es384, .es512: .ellipticCurve
        case .edDSA: .edwards
        }
    }

    /// Whether one signature takes so long that a loop must not compute it.
    package var isCostly: Bool { family != .hmac }

    /// The fewest bytes of a shared secret: as many as the hash has (RFC 7518 section 3.2).
    package var minSecretBytes: Int {
        switch self {
        case .hs384: 48
        case .hs512: 64
        default: 32
        }
    }

    /// The kind of key, as people call it.
    var wants: KeyKind {
        switch self {
        case .hs256, .hs384, .hs512: .secret
        case .rs256, .rs384, .rs512, .ps256, .ps384, .ps512: .rsa
        case .es256: .p256
        case .es384: .p384
        case .es512: .p521
        case .edDSA: .ed25519
        }
    }
}

/// What a key is, whatever it is used for.
enum KeyKind: String, Sendable {
    case secret = "a secret"
    case rsa = "an RSA key"
    case p256 = "an EC key on the curve P-256"
    case p384 = "an EC key on the curve P-384"
    case p521 = "an EC key on the curve P-521"
    case ed25519 = "an Ed25519 key"
    case rsaPSS = "an RSA key restricted to PSS (RSASSA-PSS)"
    case otherCurve = "an EC key on another curve"
    case x25519 = "an X25519 key, which does not sign"
    case ed448 = "an Ed448 key"
    case unknown = "a key of an unknown kind"
}
