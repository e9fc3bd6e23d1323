import SluiceVocabulary

/// How many connections of one user may be open at once: the policy's `devices`, in words of this
/// station.
///
/// A group is what a bound counts: all connections of a user, or those of one class of devices.
/// Connections are given oldest first, and the oldest of a group is the first to go.
package struct DeviceRule: Sendable, Equatable {
    package enum Bound: Sendable, Equatable {
        case unbounded
        /// One connection for each class of devices.
        case onePerClass
        /// So many connections, at least 1.
        case total(Int)
    }

    package var bound: Bound
    /// Class by platform. A platform in none is a class of its own.
    package var classByPlatform: [String: String]
    /// Over the bound the new connection is refused; else the oldest is closed.
    package var refusesNewer: Bool

    package init(
        _ bound: Bound = .unbounded, classByPlatform: [String: String] = [:],
        refusesNewer: Bool = false
    ) {
        if case .total(let most) = bound { invariant(most >= 1, "somebody may always be there") }
        self.bound = bound
        self.classByPlatform = classByPlatform
        self.refusesNewer = refusesNewer
    }

    /// Whether one more connection of the same user is within the bound.
    func hasRoom(for entry: SessionEntry, beside others: [SessionEntry]) -> Bool {
        switch bound {
        case .unbounded: return true
        case .total(let most): return others.count < most
        case .onePerClass:
            let wanted = deviceClass(of: entry)
            return !others.contains { deviceClass(of: $0) == wanted }
        }
    }

    /// Takes out what is over the bound and returns it, oldest first. The newest of each group
    /// stays.
    ///
    /// - Parameter most: no more than so many go; at least 1.
    func removeExcess(from entries: inout [SessionEntry], atMost most: Int) -> [SessionEntry] {
        switch bound {
        case .unbounded: return []
        case .total(let bound):
            let excess = min(entries.count - bound, most)
            guard excess > 0 else { return [] }
            defer { entries.removeFirst(excess) }
            return Array(entries.prefix(excess))
        case .onePerClass:
            // Most users have one connection, and no class to look up.
            guard entries.count > 1 else { return [] }
            return removeOlderOfClass(from: &entries, atMost: most)
        }
    }

    private func removeOlderOfClass(
        from entries: inout [SessionEntry], atMost most: Int
    ) -> [SessionEntry] {
        var newest: [String: ConnectionID] = [:]
        for entry in entries { newest[deviceClass(of: entry)] = entry.connection }
        guard newest.count < entries.count else { return [] }
        var gone: [SessionEntry] = []
        entries.removeAll { entry in
            guard gone.count < most, newest[deviceClass(of: entry)] != entry.connection
            else { return false }
            gone.append(entry)
            return true
        }
        return gone
    }

    private func deviceClass(of entry: SessionEntry) -> String {
        classByPlatform[entry.platform] ?? entry.platform
    }
}
