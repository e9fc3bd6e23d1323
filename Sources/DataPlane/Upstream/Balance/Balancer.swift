import SluiceVocabulary

/// Chooses among the members of one service that take calls. No locks: one for each loop.
struct Balancer {
    /// Weights are multiples of this, so that a slow start has steps.
    static let weightUnit = 64

    private(set) var settings: BalanceSettings
    /// Those that take calls. A choice is a place in it.
    private(set) var members: [PoolMember] = []
    private var weights: [Int] = []
    private var totalWeight = 0
    /// What `table` was built with.
    private var tableWeights: [Int] = []
    private var random: SeededRandom
    private var roundRobin = RoundRobin()
    private var leastRequest = LeastRequest()
    private var table = RendezvousTable()

    init(settings: BalanceSettings, random: SeededRandom) {
        self.settings = settings
        self.random = random
    }

    /// Takes over who takes calls.
    ///
    /// - Parameter weights: of each, in units of `weightUnit`; at least 1.
    mutating func rebuild(
        _ members: [PoolMember], weights: [Int], settings: BalanceSettings
    ) {
        let isSame =
            self.members.count == members.count
            && zip(self.members, members).allSatisfy { $0 === $1 }
        if isSame, self.weights == weights, self.settings == settings { return }
        // A slow start changes what a member gets of all calls, not whose keys it has.
        let keyWeights = members.map(\.weight)
        let keepsKeys = isSame && keyWeights == tableWeights
        self.members = members
        self.weights = weights
        self.settings = settings
        totalWeight = weights.reduce(0, +)
        roundRobin.rebuild(weights: weights, random: &random)
        leastRequest.rebuild(weights: weights)
        guard !keepsKeys else { return }
        tableWeights = keyWeights
        table.rebuild(hashes: members.map(\.addressHash), weights: keyWeights)
    }

    /// The place for a call of `bytes` envelope bytes.
    ///
    /// - Parameters:
    ///   - isOrdered: the calls of one key go to one member and wait for no other.
    ///   - excluded: number of a member that was asked already; -1 = none.
    /// - Returns: -1 when none takes calls or too much is waiting.
    @inline(__always)
    mutating func choose(isOrdered: Bool, key: UInt64, bytes: Int, excluding excluded: Int32 = -1)
        -> Int
    {
        if members.isEmpty { return -1 }
        if members.count == 1 {
            let only = members[0]
            return only.number != excluded && only.hasRoom(for: bytes) ? 0 : -1
        }
        if isOrdered {
            let place = home(of: key)
            return members[place].hasRoom(for: bytes) ? place : -1
        }
        let place: Int
        switch settings.by {
        case .roundRobin: place = roundRobin.next()
        case .leastRequest: place = lighter()
        case .hash: place = bounded(key)
        }
        if members[place].number != excluded, members[place].hasRoom(for: bytes) { return place }
        return another(bytes: bytes, excluding: excluded)
    }

    /// The member of a key; while it is only probed, the one that had the key in the meantime.
    @inline(__always)
    private mutating func home(of key: UInt64) -> Int {
        var place = table.place(of: key)
        if !members[place].isHeldBack { return place }
        var probe = key
        for _ in 0..<16 where members[place].isHeldBack {
            probe = mixed(probe &+ 0x9E37_79B9_7F4A_7C15)
            place = table.place(of: probe)
        }
        return place
    }

    @inline(__always)
    private mutating func lighter() -> Int {
        let (first, second) = leastRequest.draw(&random)
        return members[second].live &* weights[first] < members[first].live &* weights[second]
            ? second : first
    }

    /// Consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam, 2016). A key whose
    /// member has its fill goes to that of another slot, not to a neighbour that all would choose
    /// (random jumps: Chen, Coleman and Shrivastava, 2021).
    @inline(__always)
    private mutating func bounded(_ key: UInt64) -> Int {
        var place = table.place(of: key)
        guard settings.boundedLoad > 0 else { return place }
        let total = Double(members[place].pool.live &+ 1) * settings.boundedLoad
        var probe = key
        for _ in 0..<64 {
            let share = total * Double(weights[place]) / Double(totalWeight)
            if Double(members[place].live) < share { return place }
            probe = mixed(probe &+ 0x9E37_79B9_7F4A_7C15)
            place = table.place(of: probe)
        }
        return place
    }

    /// The one with the fewest calls for its weight that has room; -1 when none has.
    private func another(bytes: Int, excluding excluded: Int32) -> Int {
        var best = -1
        for place in members.indices {
            let member = members[place]
            guard member.number != excluded, member.hasRoom(for: bytes) else { continue }
            if best < 0
                || member.live &* weights[best] < members[best].live &* weights[place]
            {
                best = place
            }
        }
        return best
    }
}

@available(*, unavailable)
extension Balancer: Sendable {}
