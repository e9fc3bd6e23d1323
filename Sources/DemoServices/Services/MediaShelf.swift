import Synchronization

/// What users have uploaded, shared by all links. Bounded, gone with the process.
final class MediaShelf: Sendable {
    /// The oldest makes room for another.
    static let maxItems = 100

    private struct State {
        var lastID: Int64 = 0
        /// Item `id` stands at `(id - 1) % maxItems`.
        var items: [(id: Int64, bytes: [UInt8])] = []
    }

    private let state = Mutex(State())

    /// Keeps an item, and gives it an id.
    func put(_ bytes: [UInt8]) -> Int64 {
        state.withLock { state in
            state.lastID += 1
            let item = (id: state.lastID, bytes: bytes)
            if state.items.count < Self.maxItems {
                state.items.append(item)
            } else {
                state.items[Int((item.id - 1) % Int64(Self.maxItems))] = item
            }
            return item.id
        }
    }

    /// The bytes of an item; nil when there was none, or it had to make room.
    func find(_ id: Int64) -> [UInt8]? {
        state.withLock { state in
            guard id > 0, id <= state.lastID else { return nil }
            let item = state.items[Int((id - 1) % Int64(Self.maxItems))]
            return item.id == id ? item.bytes : nil
        }
    }
}
