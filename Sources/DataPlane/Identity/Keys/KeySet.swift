import Crypto
import JWTKit
import SluiceVocabulary

/// The keys in force, each pinned to one algorithm. Immutable: a reload makes another.
///
/// The library's own collection is an actor and falls back to a default key for a `kid` it does not
/// know. Both are unfit for the data plane, so it is asked once here, and after that a `kid` is
/// either in the table or refused, without waiting.
package final class KeySet: Sendable {
    struct Key: Sendable {
        let kid: String
        let algorithmName: String
        let algorithm: any JWTAlgorithm
    }

    private let keys: [String: Key]
    private let algorithmNames: Set<String>

    /// Equal for equal keys, another when any changes; means nothing outside this process.
    package let revision: UInt64

    private init(keys: [String: Key], revision: UInt64) {
        self.keys = keys
        self.algorithmNames = Set(keys.values.map(\.algorithmName))
        self.revision = revision
    }

    /// Resolves every `kid` to its algorithm.
    package static func make(_ materials: [KeyMaterial]) async throws(KeyError) -> KeySet {
        guard !materials.isEmpty else { throw .noKeys }
        let collection = JWTKeyCollection()
        var keys: [String: Key] = [:]
        for material in materials {
            try check(material)
            guard keys[material.kid] == nil else { throw .duplicateKid(material.kid) }
            keys[material.kid] = try await resolve(material, in: collection)
        }
        return KeySet(keys: keys, revision: revision(of: materials))
    }

    private static func check(_ material: KeyMaterial) throws(KeyError) {
        guard !material.kid.isEmpty else { throw .emptyKid }
        guard material.algorithm == "HS256" else {
            throw .unsupportedAlgorithm(kid: material.kid, algorithm: material.algorithm)
        }
        guard material.secret.count >= 32 else {
            throw .secretTooShort(kid: material.kid, byteCount: material.secret.count)
        }
    }

    private static func resolve(
        _ material: KeyMaterial, in collection: JWTKeyCollection
    ) async throws(KeyError) -> Key {
        let identifier = JWKIdentifier(string: material.kid)
        await collection.add(
            hmac: HMACKey(from: material.secret), digestAlgorithm: .sha256, kid: identifier)
        do {
            let algorithm = try await collection.getKey(for: identifier)
            guard algorithm.name == material.algorithm else {
                throw KeyError.unusable(kid: material.kid)
            }
            return Key(
                kid: material.kid, algorithmName: material.algorithm, algorithm: algorithm)
        } catch {
            throw .unusable(kid: material.kid)
        }
    }

    /// Keyed with a secret of this process, so that the revision tells nothing about the keys.
    private static func revision(of materials: [KeyMaterial]) -> UInt64 {
        var code = HMAC<SHA256>(key: processKey)
        for material in materials.sorted(by: { $0.kid < $1.kid }) {
            for part in [Array(material.kid.utf8), Array(material.algorithm.utf8), material.secret]
            {
                code.update(data: Array("\(part.count):".utf8))
                code.update(data: part)
            }
        }
        return code.finalize().prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static let processKey = SymmetricKey(size: .bits256)

    /// The names of all keys, sorted.
    package var kids: [String] { keys.keys.sorted() }

    /// Whether any key is pinned to this algorithm.
    func knows(algorithm: String) -> Bool { algorithmNames.contains(algorithm) }

    /// The key a token names; without a name the only key there is.
    func key(for kid: String?) -> Key? {
        guard let kid else { return keys.count == 1 ? keys.values.first : nil }
        return keys[kid]
    }
}
