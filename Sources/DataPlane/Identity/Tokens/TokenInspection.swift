package import SluiceVocabulary

/// What a token says, for people who look at one. Nothing of it is verified.
package struct TokenInspection: Sendable {
    package let header: [String: ClaimValue]
    package let claims: [String: ClaimValue]

    /// - Throws: `.tooLarge` over 64 KiB, `.malformed` when it is not three parts of strict JSON.
    package init(_ token: [UInt8]) throws(TokenError) {
        let signed = try SignedToken(token, maxTokenBytes: 65_536)
        header = signed.header
        claims = try signed.claims()
    }

    /// The header as indented JSON, keys sorted, control characters escaped.
    package var headerText: String { Self.text(header) }
    /// The claims as indented JSON, keys sorted, control characters escaped.
    package var claimsText: String { Self.text(claims) }

    private static func text(_ members: [String: ClaimValue]) -> String {
        String(decoding: ClaimsWriter.write(members, indent: 2), as: UTF8.self)
    }
}
