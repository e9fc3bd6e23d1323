import SluiceVocabulary

/// The connections of one loop by slot, with the time at which each wants to be looked at.
///
/// The times stand in an array of their own: a sweep over 10,000 idle connections reads 80 KB and
/// touches no connection.
struct ConnectionTable {
    private var connections: [ClientConnection?] = []
    private var generations: [UInt32] = []
    private var checks: [Int64] = []
    private var free: [Int] = []
    private let loop: Int

    /// - Parameter loop: index of the owning event loop.
    init(loop: Int) { self.loop = loop }

    /// Connections in the table.
    private(set) var count = 0

    /// Gives a connection its id.
    mutating func insert(_ connection: ClientConnection) -> ConnectionID {
        count += 1
        let slot: Int
        if let reused = free.popLast() {
            slot = reused
            connections[slot] = connection
        } else {
            slot = connections.count
            connections.append(connection)
            generations.append(0)
            checks.append(.max)
        }
        generations[slot] &+= 1
        return ConnectionID(loop: loop, slot: slot, generation: generations[slot])
    }

    /// Forgets a connection; its slot may be used again under another generation.
    mutating func remove(_ id: ConnectionID) {
        invariant(find(id) != nil, "a connection leaves the table once")
        connections[id.slot] = nil
        checks[id.slot] = .max
        free.append(id.slot)
        count -= 1
    }

    /// The connection of that id, nil when it has gone.
    func find(_ id: ConnectionID) -> ClientConnection? {
        guard id.loop == loop, id.slot < connections.count, generations[id.slot] == id.generation
        else { return nil }
        return connections[id.slot]
    }

    /// Places there are, taken or not.
    var slotCount: Int { connections.count }

    /// The connection in a place; nil where there is none.
    func client(inSlot slot: Int) -> ClientConnection? { connections[slot] }

    /// Asks for the connection to be looked at once `time` has come.
    mutating func check(_ id: ConnectionID, at time: MonotonicTime) {
        checks[id.slot] = time.nanoseconds
    }

    /// Connections whose time has come; they must ask again.
    mutating func due(at now: MonotonicTime) -> [ClientConnection] {
        guard count > 0 else { return [] }
        var due: [ClientConnection] = []
        for slot in checks.indices where checks[slot] <= now.nanoseconds {
            checks[slot] = .max
            if let connection = connections[slot] { due.append(connection) }
        }
        return due
    }

    /// All connections, for drain and for what concerns everybody.
    var all: [ClientConnection] { connections.compactMap { $0 } }
}
