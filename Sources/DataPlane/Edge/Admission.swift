import Synchronization

/// How many connections the process holds, and how many it may. Shared by all loops; touched when a
/// connection comes and goes, never by a message.
package final class Admission: Sendable {
    private let held = Atomic<Int>(0)
    private let maxConnections: Int

    package init(maxConnections: Int) { self.maxConnections = maxConnections }

    /// Takes a place; false when all are taken.
    func enter() -> Bool {
        if held.wrappingAdd(1, ordering: .relaxed).newValue <= maxConnections { return true }
        held.wrappingSubtract(1, ordering: .relaxed)
        return false
    }

    /// Gives a place back.
    func leave() { held.wrappingSubtract(1, ordering: .relaxed) }

    /// Connections held now.
    package var count: Int { held.load(ordering: .relaxed) }
}
