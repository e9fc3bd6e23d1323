package import SluiceVocabulary

/// Why a token is not accepted. The raw value is the label `result` of `sluice_auth_total`.
///
/// None of them holds any part of the token: errors end up in logs.
package enum TokenError: String, Error, Sendable, CaseIterable {
    /// Not three base64url parts of JSON, a registered claim of the wrong type, or `crit`.
    case malformed
    /// Longer than `TokenRules.maxTokenBytes`.
    case tooLarge = "too_large"
    /// `alg` is not the algorithm pinned to the key; `none` in every spelling.
    case algorithmNotAllowed = "algorithm_not_allowed"
    /// `kid` names no key, or is absent where there is more than one.
    case unknownKey = "unknown_key"
    /// The signature is not that of the key.
    case badSignature = "bad_signature"
    /// `exp` has passed, leeway included.
    case expired
    /// `nbf` or `iat` lies in the future, leeway included.
    case notYetValid = "not_yet_valid"
    /// `iss` is not the one the rules name.
    case wrongIssuer = "wrong_issuer"
    /// `aud` does not hold the one the rules name.
    case wrongAudience = "wrong_audience"
    /// `sub` is absent, empty or not text.
    case noSubject = "no_subject"
    /// A refresh token where an access token belongs, or the other way round.
    case wrongUse = "wrong_use"
    /// Revoked: by its `jti`, its hash, or with all older tokens of its user.
    case revoked
    /// A refresh token that was used before: somebody has a copy.
    case reused
    /// An opaque token that the introspection command does not call active.
    case notActive = "not_active"
    /// The user service does not know the user any more.
    case userGone = "user_gone"
    /// Nobody can tell now: a service or a key source that must be asked does not answer.
    case unavailable
    /// Too many tokens wait for their signature or for an answer about them.
    case overloaded

    /// What the client is told. An answer of its own have those about which the client can do
    /// something; the rest would only help somebody who guesses.
    package var refusal: RefusalKind {
        switch self {
        case .expired: .tokenExpired
        case .revoked, .reused, .userGone: .revoked
        case .unavailable: .serviceUnavailable
        case .overloaded: .overloaded
        default: .unauthenticated
        }
    }

    /// How a long connection ends over it.
    package var closeReason: CloseReason {
        switch self {
        case .revoked, .reused, .userGone: .revoked
        case .unavailable, .overloaded: .overload
        default: .badToken
        }
    }
}
