import NIOCore

/// Ordered calls with one key: one is under way, the others wait for their turn.
struct GRPCLane {
    var head: UInt32
    var waiting = CircularBuffer<UInt32>()

    init(head: UInt32) { self.head = head }
}

@available(*, unavailable)
extension GRPCLane: Sendable {}

/// A server runs streams side by side, and their data may leave in any order: what must be done in
/// order goes one after the other.
extension GRPCSession {
    /// - Returns: whether it is the call's turn; else it has to wait for those before it.
    func enter(_ call: UInt32) -> Bool {
        guard let key = link.orderKey(call) else { return true }
        keyOfCall[call] = key
        guard lanes[key] != nil else {
            lanes[key] = GRPCLane(head: call)
            return true
        }
        lanes[key]?.waiting.append(call)
        return false
    }

    /// A call has ended, one way or another: the next one's turn.
    func leave(_ call: UInt32) {
        guard let key = keyOfCall.removeValue(forKey: call), lanes[key]?.head == call else {
            return
        }
        while let next = lanes[key]?.waiting.popFirst() {
            // One that was given up has left already.
            guard waiting[next] != nil else { continue }
            lanes[key]?.head = next
            turns.append(next)
            return link.wantsFlush()
        }
        lanes[key] = nil
    }
}
