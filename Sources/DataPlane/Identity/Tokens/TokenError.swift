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

    /// What the client is told. Only an expired token has an answer of its own, for the client can
    /// do something about it; the rest would only help somebody who guesses.
    package var refusal: RefusalKind { self == .expired ? .tokenExpired : .unauthenticated }
}
