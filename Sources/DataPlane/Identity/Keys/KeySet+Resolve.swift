import Crypto
import JWTKit

/// Key material to something that verifies: every kind of key, each told from the others before the
/// library sees it, so that an error names what is wrong.
extension KeySet {
    /// What is wrong with a key, as far as it shows without using it.
    package static func check(_ material: KeyMaterial) throws(KeyError) {
        guard !material.kid.isEmpty else { throw .emptyKid }
        guard let algorithm = SignatureAlgorithm(rawValue: material.algorithm) else {
            throw .unsupportedAlgorithm(kid: material.kid, algorithm: material.algorithm)
        }
        try check(material, algorithm)
    }

    static func resolve(_ material: KeyMaterial) async throws(KeyError) -> Key {
        guard !material.kid.isEmpty else { throw .emptyKid }
        guard let algorithm = SignatureAlgorithm(rawValue: material.algorithm) else {
            throw .unsupportedAlgorithm(kid: material.kid, algorithm: material.algorithm)
        }
        let collection = JWTKeyCollection()
        let kid = JWKIdentifier(string: material.kid)
        try await add(material, algorithm, to: collection, as: kid)
        do {
            let resolved = try await collection.getKey(for: kid)
            guard resolved.name == algorithm.rawValue else {
                throw KeyError.unusable(kid: material.kid)
            }
            return Key(
                kid: material.kid, algorithmName: algorithm.rawValue, algorithm: resolved,
                isCostly: algorithm.isCostly, canSign: material.canSign,
                fingerprint: fingerprint(of: material))
        } catch {
            throw .unusable(kid: material.kid)
        }
    }

    private static func add(
        _ material: KeyMaterial, _ algorithm: SignatureAlgorithm,
        to collection: JWTKeyCollection, as kid: JWKIdentifier
    ) async throws(KeyError) {
        try check(material, algorithm)
        do {
            switch algorithm.family {
            case .hmac:
                guard case .secret(let secret) = material.form else { return }
                await collection.add(
                    hmac: HMACKey(from: secret), digestAlgorithm: algorithm.digest, kid: kid)
            case .rsa: try await addRSA(material, algorithm, to: collection, as: kid)
            case .ellipticCurve:
                switch algorithm {
                case .es256: try await addEC(material, P256.self, to: collection, as: kid)
                case .es384: try await addEC(material, P384.self, to: collection, as: kid)
                default: try await addEC(material, P521.self, to: collection, as: kid)
                }
            case .edwards: try await addEdwards(material, to: collection, as: kid)
            }
        } catch {
            throw .unusable(kid: material.kid)
        }
    }

    /// Whether the key is what its algorithm wants, as far as its form tells.
    private static func check(
        _ material: KeyMaterial, _ algorithm: SignatureAlgorithm
    ) throws(KeyError) {
        let found: KeyKind
        switch material.form {
        case .secret(let secret):
            found = .secret
            if algorithm.family == .hmac, secret.count < algorithm.minSecretBytes {
                throw .secretTooShort(
                    kid: material.kid, byteCount: secret.count, minimum: algorithm.minSecretBytes)
            }
        case .publicKey(let pem), .privateKey(let pem): found = try kind(pem, material)
        case .rsa: found = .rsa
        case .point: found = algorithm.family == .ellipticCurve ? algorithm.wants : .otherCurve
        case .octets: found = .ed25519
        }
        guard found == algorithm.wants else {
            throw .wrongKind(
                kid: material.kid, algorithm: algorithm.rawValue, wants: algorithm.wants.rawValue,
                found: found.rawValue)
        }
        if let bits = rsaBits(material.form), bits < 2_048 {
            throw .keyTooShort(kid: material.kid, bits: bits)
        }
    }

    /// Size of the modulus; nil when the key is no RSA key.
    private static func rsaBits(_ form: KeyMaterial.Form) -> Int? {
        switch form {
        case .publicKey(let text), .privateKey(let text):
            guard let pem = PEM(text), pem.kind == .rsa else { return nil }
            return DER.bitsOfLargestInteger(pem.der[...])
        case .rsa(let modulus, _):
            guard let bytes = Base64URL.decode(Array(modulus.utf8)[...]) else { return 0 }
            return DER.bits(bytes[...])
        case .secret, .point, .octets: return nil
        }
    }

    private static func kind(
        _ text: String, _ material: KeyMaterial
    ) throws(KeyError) -> KeyKind {
        guard let pem = PEM(text) else {
            let found = text.contains("-----BEGIN ") ? "PEM that is cut off or damaged" : "none"
            throw .notPEM(kid: material.kid, found: found)
        }
        guard material.canSign ? pem.isPrivate : pem.isPublic else {
            throw .notPEM(
                kid: material.kid,
                found: pem.isPrivate ? "a private key" : "a block `\(pem.label)`")
        }
        return pem.kind
    }

    private static func addRSA(
        _ material: KeyMaterial, _ algorithm: SignatureAlgorithm,
        to collection: JWTKeyCollection, as kid: JWKIdentifier
    ) async throws {
        let isPSS = algorithm.rawValue.hasPrefix("PS")
        func add(_ key: some RSAKey) async {
            if isPSS {
                await collection.add(pss: key, digestAlgorithm: algorithm.digest, kid: kid)
            } else {
                await collection.add(rsa: key, digestAlgorithm: algorithm.digest, kid: kid)
            }
        }
        switch material.form {
        case .publicKey(let pem): await add(try Insecure.RSA.PublicKey(pem: pem))
        case .privateKey(let pem): await add(try Insecure.RSA.PrivateKey(pem: pem))
        case .rsa(let modulus, let exponent):
            await add(try Insecure.RSA.PublicKey(modulus: modulus, exponent: exponent))
        case .secret, .point, .octets: break
        }
    }

    private static func addEC<Curve: ECDSACurveType>(
        _ material: KeyMaterial, _: Curve.Type, to collection: JWTKeyCollection,
        as kid: JWKIdentifier
    ) async throws {
        switch material.form {
        case .publicKey(let pem):
            await collection.add(ecdsa: try ECDSA.PublicKey<Curve>(pem: pem), kid: kid)
        case .privateKey(let pem):
            await collection.add(ecdsa: try ECDSA.PrivateKey<Curve>(pem: pem), kid: kid)
        case .point(let x, let y):
            await collection.add(
                ecdsa: try ECDSA.PublicKey<Curve>(parameters: (x, y)), kid: kid)
        case .secret, .rsa, .octets: break
        }
    }

    private static func addEdwards(
        _ material: KeyMaterial, to collection: JWTKeyCollection, as kid: JWKIdentifier
    ) async throws {
        switch material.form {
        case .publicKey(let pem):
            await collection.add(eddsa: try EdDSA.PublicKey(pem: pem), kid: kid)
        case .privateKey(let pem):
            await collection.add(eddsa: try EdDSA.PrivateKey(pem: pem), kid: kid)
        case .octets(let x):
            await collection.add(eddsa: try EdDSA.PublicKey(x: x, curve: .ed25519), kid: kid)
        case .secret, .rsa, .point: break
        }
    }
}

extension SignatureAlgorithm {
    fileprivate var digest: DigestAlgorithm {
        switch self {
        case .hs384, .rs384, .ps384, .es384: .sha384
        case .hs512, .rs512, .ps512, .es512: .sha512
        default: .sha256
        }
    }
}
