/// Hashes of what calls have in common that go to one instance: the same on every loop and node.
package enum StickyHash {
    /// Of a user's id, a topic or an address.
    package static func of(_ text: String) -> UInt64 { stableHash(text) }
}
