/// One turn of an event loop: the clocks read once, and what must happen at its end.
///
/// The first handler that runs in a turn calls `begin()`. That reads the clocks and asks the loop to
/// run `finish()` after all sockets that were ready have been served. So a message costs no clock
/// read, and every socket written in the turn is flushed once.
///
/// Loop-bound: make one per event loop and touch it nowhere else.
package final class LoopTick {
    private let clocks: any Clocks
    private let atEnd: (LoopTick) -> Void
    private var participants: [() -> Void] = []
    private var isOpen = false

    /// Monotonic time of this turn. Valid after `begin()`.
    package private(set) var now: MonotonicTime
    /// Wall time of this turn. Valid after `begin()`.
    package private(set) var wall: WallTime
    /// Turns since start; tells whether two events fell into the same turn.
    package private(set) var number: UInt64 = 0

    /// - Parameters:
    ///   - clocks: where time comes from.
    ///   - atEnd: asks the event loop to call `finish()` of its argument at the end of this turn.
    package init(clocks: any Clocks, atEnd: @escaping (LoopTick) -> Void) {
        self.clocks = clocks
        self.atEnd = atEnd
        self.now = clocks.monotonic()
        self.wall = clocks.wall()
    }

    /// Adds work to do at the end of every turn in which something happened, in the order added.
    package func onFinish(_ work: @escaping () -> Void) { participants.append(work) }

    /// Opens the turn if it is not open yet. Cheap when it is.
    @inline(__always)
    package func begin() {
        if !isOpen { open() }
    }

    /// CPU time of this loop's thread, in nanoseconds. A system call: not for every turn.
    package func threadCPU() -> Int64 { clocks.threadCPU() }

    private func open() {
        isOpen = true
        number &+= 1
        now = clocks.monotonic()
        wall = clocks.wall()
        atEnd(self)
    }

    /// Runs what waits for the end of the turn. Called by the event loop, once per open turn.
    package func finish() {
        for participant in participants { participant() }
        isOpen = false
    }
}

@available(*, unavailable)
extension LoopTick: Sendable {}
