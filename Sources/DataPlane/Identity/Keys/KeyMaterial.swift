/// A key as configuration names it. Holds a secret: never shown by `print`, `dump` or an error.
package struct KeyMaterial: Sendable, CustomStringConvertible, CustomReflectable {
    /// The name by which a token's `kid` finds the key. Not empty, unique in its set.
    package let kid: String
    /// The only `alg` accepted with this key: `HS256`.
    package let algorithm: String
    /// At least 32 bytes, the length of the hash (RFC 7518 section 3.2).
    package let secret: [UInt8]

    package init(kid: String, algorithm: String, secret: [UInt8]) {
        self.kid = kid
        self.algorithm = algorithm
        self.secret = secret
    }

    package var description: String { "key \(kid) (\(algorithm))" }
    package var customMirror: Mirror {
        Mirror(self, children: ["kid": kid, "algorithm": algorithm])
    }
}

/// Why keys cannot be used. Names the key, never its secret.
package enum KeyError: Error, Sendable, Equatable {
    case noKeys
    case emptyKid
    case duplicateKid(String)
    case unsupportedAlgorithm(kid: String, algorithm: String)
    case secretTooShort(kid: String, byteCount: Int)
    /// A `kid` that the set does not have, where one was asked for.
    case unknownKid(String)
    /// The library took the key and does not give it back as it was given.
    case unusable(kid: String)

    /// What the operator is told.
    package var text: String {
        switch self {
        case .noKeys: "no keys: tokens cannot be verified; name at least one under identity.keys"
        case .emptyKid: "a key needs a kid that is not empty"
        case .duplicateKid(let kid): "two keys have the kid `\(kid)`; each needs its own"
        case .unsupportedAlgorithm(let kid, let algorithm):
            "key `\(kid)`: algorithm `\(algorithm)` is not supported; use HS256"
        case .secretTooShort(let kid, let byteCount):
            "key `\(kid)`: \(byteCount) bytes are too few for HS256; use at least 32 random bytes"
        case .unknownKid(let kid): "there is no key with the kid `\(kid)`"
        case .unusable(let kid): "key `\(kid)` cannot be used"
        }
    }
}
