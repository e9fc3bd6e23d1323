/// Refresh tokens that bought their pair. The last `capacity` are remembered, the busiest longest.
package struct UsedTokens {
    private var ids: ClockCache<String, Bool>

    /// - Parameter capacity: 0 lets every refresh token be used for as long as it is good.
    package init(capacity: Int) { ids = ClockCache(capacity: capacity) }

    /// Marks the token with this `jti`; false when it was marked before.
    package mutating func use(_ id: String) -> Bool {
        if ids.find(id) != nil { return false }
        ids.insert(true, for: id)
        return true
    }
}
