import SluiceVocabulary

/// A set of public keys as a key source shows it (RFC 7517), read strictly.
package struct JWKS: Sendable {
    /// Keys that verify signatures with an algorithm asked for.
    package let materials: [KeyMaterial]
    /// Keys left out: another use, another kind, no `kid`, or damaged.
    package let skipped: Int

    /// Why a set is not taken at all.
    package enum Problem: String, Error, Sendable {
        /// Not one JSON object with a list `keys` of objects.
        case malformed
        /// A secret or a private key in a public place: whoever reads it can make tokens.
        case secretKey = "secret_key"
        /// Two keys with one `kid`: which one counts would be chance.
        case duplicateKid = "duplicate_kid"
        /// More than `maxKeys`.
        case tooManyKeys = "too_many_keys"
    }

    /// Keys in one set.
    package static let maxKeys = 100

    /// - Parameter algorithms: what its keys may be good for. A key without `alg` is pinned to the
    ///   first of them that fits its kind.
    package init(_ bytes: [UInt8], algorithms: [SignatureAlgorithm]) throws(Problem) {
        guard let document = ClaimsParser.parse(bytes), case .array(let keys) = document["keys"]
        else { throw .malformed }
        guard keys.count <= Self.maxKeys else { throw .tooManyKeys }
        var materials: [KeyMaterial] = []
        var kids: Set<String> = []
        for key in keys {
            guard case .object(let members) = key, let kind = members["kty"]?.string else {
                throw .malformed
            }
            guard kind != "oct", members["d"] == nil, members["k"] == nil else { throw .secretKey }
            guard let material = Self.material(members, kind, algorithms) else { continue }
            guard kids.insert(material.kid).inserted else { throw .duplicateKid }
            materials.append(material)
        }
        self.materials = materials
        skipped = keys.count - materials.count
    }

    /// Nil for a key that is not for us.
    private static func material(
        _ members: [String: ClaimValue], _ kind: String, _ algorithms: [SignatureAlgorithm]
    ) -> KeyMaterial? {
        if let use = members["use"], use.string != "sig" { return nil }
        if let operations = members["key_ops"] {
            guard operations.strings?.contains("verify") == true else { return nil }
        }
        guard let kid = members["kid"]?.string, !kid.isEmpty, kid.utf8.count <= 256,
            let wants = kindOfKey(members, kind), let form = form(members, wants)
        else { return nil }
        let fitting = algorithms.filter { $0.wants == wants }
        let algorithm: SignatureAlgorithm?
        switch members["alg"] {
        case nil: algorithm = fitting.first
        case .string(let name)?: algorithm = fitting.first { $0.rawValue == name }
        default: algorithm = nil
        }
        return algorithm.map { KeyMaterial(kid: kid, algorithm: $0.rawValue, form: form) }
    }

    private static func kindOfKey(_ members: [String: ClaimValue], _ kind: String) -> KeyKind? {
        switch (kind, members["crv"]?.string) {
        case ("RSA", _): .rsa
        case ("EC", "P-256"?): .p256
        case ("EC", "P-384"?): .p384
        case ("EC", "P-521"?): .p521
        case ("OKP", "Ed25519"?): .ed25519
        default: nil
        }
    }

    private static func form(
        _ members: [String: ClaimValue], _ kind: KeyKind
    ) -> KeyMaterial.Form? {
        func octets(_ name: String) -> String? {
            guard let text = members[name]?.string, !text.isEmpty,
                Base64URL.decode(Array(text.utf8)[...]) != nil
            else { return nil }
            return text
        }
        switch kind {
        case .rsa:
            guard let modulus = octets("n"), let exponent = octets("e") else { return nil }
            return .rsa(modulus: modulus, exponent: exponent)
        case .ed25519: return octets("x").map { .octets(x: $0) }
        default:
            guard let x = octets("x"), let y = octets("y") else { return nil }
            return .point(x: x, y: y)
        }
    }
}
