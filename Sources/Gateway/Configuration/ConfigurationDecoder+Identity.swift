import SluiceDocuments

/// Keys, and how tokens are issued.
extension ConfigurationDecoder {
    func decodeIdentity(_ group: ConfigurationReader) -> Configuration.Identity {
        let keysValue = group.mapping.optional("keys")
        let keys =
            decodeKeys(keysValue) ?? [
                Configuration.Key(
                    kid: "main", algorithm: "HS256", secretFile: "/etc/sluice/main.key")
            ]
        if let keysValue, keysValue.kind == .list([]) {
            sink.error(
                "at least one key is needed, or no token can be verified", at: keysValue.position)
        }
        let issuer = group.string("issuer", default: "sluice")
        let audience = group.string("audience", default: "sluice")
        let identity = Configuration.Identity(
            keys: keys, issuer: issuer.isEmpty ? nil : issuer,
            audience: audience.isEmpty ? nil : audience,
            leewaySeconds: group.seconds("leeway", default: 5, in: 0...300),
            issue: decodeIssue(group.group("issue"), kids: keys.map(\.kid)))
        group.mapping.finish()
        return identity
    }

    private func decodeKeys(_ value: DocumentValue?) -> [Configuration.Key]? {
        var kids = Duplicates<String>()
        return items(value) { item in
            let kid = item.mapping.required("kid")?.nonEmptyString(sink, maxCharacters: 128)
            if let kid { kids.check(kid, "kid `\(kid)`", at: item.place("kid"), sink) }
            let algorithm = item.mapping.optional("algorithm").map { self.algorithm($0) } ?? "HS256"
            let file = item.mapping.required("secret_file")?.nonEmptyString(
                sink, maxCharacters: 4_096)
            guard let kid, let algorithm, let file else { return nil }
            return Configuration.Key(kid: kid, algorithm: algorithm, secretFile: file)
        }
    }

    private func algorithm(_ value: DocumentValue) -> String? {
        let planned = [
            "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512",
            "EdDSA",
        ]
        if planned.contains(value.text) {
            sink.error(
                "`\(value.text)` is not supported in this version", at: value.position,
                hint: "use HS256")
            return nil
        }
        return value.choice(sink, of: ["HS256": "HS256"])
    }

    private func decodeIssue(_ group: ConfigurationReader, kids: [String]) -> Configuration.Issue? {
        let key = group.string("key", default: kids.first ?? "main")
        if !key.isEmpty, !kids.isEmpty, !kids.contains(key) {
            sink.error(
                "no key of `identity.keys` has the kid `\(key)`", at: group.place("key"),
                hint: suggestion(for: key, among: kids))
        }
        let issue = Configuration.Issue(
            key: key,
            ttlSeconds: group.seconds("ttl", default: 900, in: 1...2_592_000),
            refreshTTLSeconds: group.seconds("refresh_ttl", default: 2_592_000, in: 1...31_536_000),
            claims: decodeClaims(group.mapping.optional("claims")))
        if issue.refreshTTLSeconds < issue.ttlSeconds {
            sink.error(
                "a refresh token that expires before its token is of no use",
                at: group.place("refresh_ttl"),
                hint:
                    "make it longer than `ttl` (\(durationText(nanoseconds: issue.ttlSeconds * 1_000_000_000)))"
            )
        }
        group.mapping.finish()
        return key.isEmpty ? nil : issue
    }

    /// Claims the gateway itself writes cannot come from a service (RFC 7519 section 4.1).
    private func decodeClaims(_ value: DocumentValue?) -> [String] {
        guard let value else { return ["roles", "plan", "tenant"] }
        let own = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "use"]
        var seen = Duplicates<String>()
        let claims = value.list(sink) ?? []
        return claims.compactMap { item in
            guard let claim = item.nonEmptyString(sink, maxCharacters: 64) else { return nil }
            if own.contains(claim) {
                sink.error(
                    "the gateway writes the claim `\(claim)` itself", at: item.position,
                    hint: "leave it out")
            }
            seen.check(claim, "claim `\(claim)`", at: item.position, sink)
            return claim
        }
    }
}
