import SluiceDocuments
import SluiceIdentity

/// Keys, and how tokens are issued.
extension ConfigurationDecoder {
    func decodeIdentity(_ group: ConfigurationReader) -> Configuration.Identity {
        let keysValue = group.mapping.optional("keys")
        let keys =
            decodeKeys(keysValue) ?? [
                Configuration.Key(
                    kid: "main", algorithm: .hs256, kind: .secret, file: "/etc/sluice/main.key")
            ]
        let jwks = decodeKeySource(group.group("jwks"))
        if let keysValue, keysValue.kind == .list([]), jwks == nil {
            sink.error(
                "at least one key is needed, or no token can be verified", at: keysValue.position)
        }
        let issuer = group.string("issuer", default: "sluice")
        let audience = group.string("audience", default: "sluice")
        let identity = Configuration.Identity(
            keys: keys, issuer: issuer.isEmpty ? nil : issuer,
            audience: audience.isEmpty ? nil : audience,
            leewaySeconds: group.seconds("leeway", default: 5, in: 0...300),
            issue: decodeIssue(group.group("issue"), keys),
            jwks: jwks, opaque: decodeOpaque(group.group("opaque")),
            userCheck: decodeUserCheck(group.group("user_check")),
            signatureThreads: group.integer("signature_threads", default: 0, in: 0...256))
        group.mapping.finish()
        return identity
    }

    private func decodeKeys(_ value: DocumentValue?) -> [Configuration.Key]? {
        var kids = Duplicates<String>()
        return items(value) { item in
            let kid = item.mapping.required("kid")?.nonEmptyString(sink, maxCharacters: 128)
            if let kid { kids.check(kid, "kid `\(kid)`", at: item.place("kid"), sink) }
            let algorithm =
                item.mapping.optional("algorithm").map { self.algorithm($0) } ?? .hs256
            let file = decodeKeyFile(item, algorithm)
            guard let kid, let algorithm, let file else { return nil }
            return Configuration.Key(
                kid: kid, algorithm: algorithm, kind: file.kind, file: file.path)
        }
    }

    /// Exactly one of the three files, and the one that goes with the algorithm.
    private func decodeKeyFile(
        _ item: ConfigurationReader, _ algorithm: SignatureAlgorithm?
    ) -> (kind: Configuration.Key.Kind, path: String)? {
        let kinds: [Configuration.Key.Kind] = [.secret, .publicKey, .privateKey]
        let given = kinds.compactMap { kind -> (kind: Configuration.Key.Kind, path: String)? in
            let path = item.string(kind.rawValue, default: "")
            return path.isEmpty ? nil : (kind, path)
        }
        guard let algorithm else { return given.first }
        let isShared = algorithm.family == .hmac
        let wanted = isShared ? "`secret_file`" : "`public_key_file` or `private_key_file`"
        guard let first = given.first else {
            sink.error("missing key \(wanted)", at: item.mapping.position)
            return nil
        }
        guard given.count == 1, (first.kind == .secret) == isShared else {
            let wrong = given.first { ($0.kind == .secret) != isShared } ?? given[1]
            sink.error(
                "`\(wrong.kind.rawValue)` is one file too many or the wrong one",
                at: item.place(wrong.kind.rawValue),
                hint: "a key for \(algorithm.rawValue) has one file, \(wanted)")
            return nil
        }
        return first
    }

    func algorithm(_ value: DocumentValue) -> SignatureAlgorithm? {
        value.choice(
            sink,
            of: Dictionary(
                uniqueKeysWithValues: SignatureAlgorithm.allCases.map { ($0.rawValue, $0) }))
    }

    private func decodeIssue(
        _ group: ConfigurationReader, _ keys: [Configuration.Key]
    ) -> Configuration.Issue? {
        let kids = keys.map(\.kid)
        let key = group.string("key", default: kids.first ?? "")
        if let found = keys.first(where: { $0.kid == key }), found.kind == .publicKey {
            sink.error(
                "key `\(key)` is public and cannot sign", at: group.place("key"),
                hint: "name its private_key_file, another key, or \"\" to issue no tokens")
        }
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
