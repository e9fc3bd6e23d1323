import SluiceFraming
import SluiceSessions
import SluiceVocabulary

/// A paced farewell: everybody is told at once when to come back, and closed spread over time.
///
/// Each client gets another `reconnect_after_ms`, so that they do not all return in one moment.
/// Connections with a request under way wait for its answer, up to the deadline. HTTP connections may
/// have a request on its way to us: those between two requests are closed a step later than the drain
/// begins, and those that wait for their first one by half of the deadline.
struct Drain {
    private let deadline: MonotonicTime
    /// What clients are told to wait at most, in milliseconds.
    private let spread: UInt32
    private let half: MonotonicTime
    private var steps: Int
    private var isFirst = true

    init(_ edge: EdgeLoop, deadlineMilliseconds: Int64) {
        deadline = edge.tick.now.advanced(byMilliseconds: deadlineMilliseconds)
        half = edge.tick.now.advanced(byMilliseconds: deadlineMilliseconds / 2)
        // All closes are due by half of the deadline; the rest is for answers under way.
        steps = max(1, Int(deadlineMilliseconds / 2 / EdgeLoop.sweepIntervalMilliseconds))
        spread = UInt32(clamping: max(1, deadlineMilliseconds))
        for connection in edge.table.all { tell(connection) }
    }

    /// That the gateway drains, and when to come back.
    func tell(_ connection: ClientConnection) {
        let notice = Goaway(
            reason: "drain", reconnectAfterMilliseconds: .random(in: 0...spread))
        connection.tell(.goaway, protobuf: notice.encoded(codec: .protobuf)) {
            notice.encoded(codec: .json)
        }
    }

    /// Closes this step's share; after the deadline whoever is there.
    mutating func step(_ now: MonotonicTime, _ edge: EdgeLoop) {
        let isOver = deadline <= now
        // Those that have been told to close count no more, until the end.
        let idle = edge.table.all.filter { isOver || (!$0.isBusy && $0.phase != .closing) }
        let share = isOver ? idle.count : (idle.count + steps - 1) / max(1, steps)
        for connection in idle.prefix(share) {
            if isOver { connection.closeNow(.drain) } else { connection.close(.drain) }
        }
        steps = max(1, steps - 1)
        // Before that, those with a request under way close with its response.
        for connection in edge.httpConnections.values {
            if isOver {
                connection.close(.drain)
            } else if !isFirst {
                connection.drain(sparingNew: now < half)
            }
        }
        isFirst = false
    }
}
