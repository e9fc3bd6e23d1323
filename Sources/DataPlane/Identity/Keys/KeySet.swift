import Crypto
import JWTKit
import SluiceVocabulary

/// The keys in force, each pinned to one algorithm. Immutable: a change makes another.
///
/// The library's own collection is an actor and falls back to a default key for a `kid` it does not
/// know. Both are unfit for the data plane, so it is asked once here, and after that a `kid` is
/// either in the table or refused, without waiting.
package final class KeySet: Sendable {
    struct Key: Sendable {
        let kid: String
        let algorithmName: String
        let algorithm: any JWTAlgorithm
        /// Its signatures are computed off the loops.
        let isCostly: Bool
        let canSign: Bool
        /// Another for any other key; means nothing outside this process.
        let fingerprint: UInt64
    }

    private let keys: [String: Key]
    private let algorithmNames: Set<String>
    /// Algorithms of keys that are not here yet: those of a key source.
    private let expectedAlgorithms: Set<String>

    /// Equal for equal keys, another when any changes; means nothing outside this process.
    package let revision: UInt64

    private init(keys: [String: Key], expectedAlgorithms: Set<String>) {
        self.keys = keys
        self.expectedAlgorithms = expectedAlgorithms
        algorithmNames = Set(keys.values.map(\.algorithmName)).union(expectedAlgorithms)
        var revision: UInt64 = 0
        for key in keys.values { revision ^= key.fingerprint }
        for name in expectedAlgorithms { revision ^= Self.code([Array(name.utf8)]) }
        self.revision = revision
    }

    /// Resolves every `kid` to its algorithm.
    ///
    /// - Parameter expecting: algorithms of keys that a key source will bring; with them a set may
    ///   be empty for now.
    package static func make(
        _ materials: [KeyMaterial], expecting: [SignatureAlgorithm] = []
    ) async throws(KeyError) -> KeySet {
        guard !materials.isEmpty || !expecting.isEmpty else { throw .noKeys }
        var keys: [String: Key] = [:]
        for material in materials {
            let key = try await resolve(material)
            guard keys[material.kid] == nil else { throw .duplicateKid(material.kid) }
            keys[material.kid] = key
        }
        return KeySet(keys: keys, expectedAlgorithms: Set(expecting.map(\.rawValue)))
    }

    /// These keys and those of `other`; of two with one `kid` this set's stays.
    package func merging(_ other: KeySet) -> KeySet {
        KeySet(
            keys: keys.merging(other.keys) { mine, _ in mine },
            expectedAlgorithms: expectedAlgorithms.union(other.expectedAlgorithms))
    }

    /// Keyed with a secret of this process, so that it tells nothing about the key.
    static func fingerprint(of material: KeyMaterial) -> UInt64 {
        var parts = [Array(material.kid.utf8), Array(material.algorithm.utf8)]
        switch material.form {
        case .secret(let secret): parts.append(secret)
        case .publicKey(let text), .privateKey(let text), .octets(let text):
            parts.append(Array(text.utf8))
        case .rsa(let one, let other), .point(let one, let other):
            parts += [Array(one.utf8), Array(other.utf8)]
        }
        return code(parts)
    }

    private static func code(_ parts: [[UInt8]]) -> UInt64 {
        var code = HMAC<SHA256>(key: processKey)
        for part in parts {
            code.update(data: Array("\(part.count):".utf8))
            code.update(data: part)
        }
        return code.finalize().prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static let processKey = SymmetricKey(size: .bits256)

    /// The names of all keys, sorted.
    package var kids: [String] { keys.keys.sorted() }

    /// Fingerprints of all keys.
    var fingerprints: Set<UInt64> { Set(keys.values.map(\.fingerprint)) }

    /// Whether any key is pinned to this algorithm, or may come to be.
    func knows(algorithm: String) -> Bool { algorithmNames.contains(algorithm) }

    /// The key a token names; without a name the only key there is.
    func key(for kid: String?) -> Key? {
        guard let kid else { return keys.count == 1 ? keys.values.first : nil }
        return keys[kid]
    }
}
