import Glibc
package import SluiceVocabulary
import Synchronization

/// Where entries go.
package enum JournalMode: Sendable {
    /// journald while its socket is there, else lines on standard error.
    case auto
    case journald
    case standardError
    /// Nowhere: nothing is written or counted as lost.
    case off
}

/// The journal: bounded rings, one per loop, and one thread that empties them into journald.
///
/// A journald that stalls stops that thread and nothing else: rings fill up, further entries are
/// counted as lost, and the data plane goes on.
package final class Journal: Sendable {
    /// Entries a loop's ring holds.
    private static let ringCapacity = 2_048
    /// Entries of the control plane that may wait.
    private static let sharedCapacity = 1_024

    let okBudget: SampleBudget
    let reserveBudget: SampleBudget
    package let mode: JournalMode
    let rings: [RecordRing]
    let lineDescriptor: Int32
    /// The writer's own shard.
    let writerMeters: LogMeters
    let wake = WakeDescriptor()
    let finished = WakeDescriptor()
    private let loopMeters: [LogMeters]
    /// The shard of everybody else; written with `addShared`.
    private let sharedMeters: LogMeters
    private let shared = Mutex<[AccessRecord]>([])
    private let isAsleep = Atomic<Bool>(false)
    private let phase = Mutex(Phase.made)

    private enum Phase { case made, running, stopping, abandoned, over }

    /// - Parameters:
    ///   - mode: where entries go.
    ///   - loops: event loops that will log.
    ///   - registry: where `sluice_log_*` is shown.
    ///   - budgetPerSecond: `ok` entries of the whole process.
    ///   - reservePerSecond: refusals and errors of the whole process.
    ///   - ringCapacity: entries per loop, a power of two.
    ///   - lineDescriptor: where lines go, normally standard error.
    package init(
        mode: JournalMode, loops: Int, registry: MetricsRegistry, budgetPerSecond: Int = 2_000,
        reservePerSecond: Int = 500, ringCapacity: Int? = nil, lineDescriptor: Int32 = 2
    ) {
        invariant(
            JournalField.allCases.allSatisfy { JournalField.isValid($0.rawValue) },
            "journald keeps every field name")
        let isOff = mode == .off
        self.mode = mode
        self.lineDescriptor = lineDescriptor
        okBudget = SampleBudget(ratePerSecond: isOff ? 0 : budgetPerSecond, loops: loops)
        reserveBudget = SampleBudget(ratePerSecond: isOff ? 0 : reservePerSecond, loops: loops)
        let capacity = ringCapacity ?? Self.ringCapacity
        rings = (0..<loops).map { _ in RecordRing(capacity: capacity) }
        loopMeters = (0..<loops).map { LogMeters(registry: registry, shard: $0) }
        writerMeters = LogMeters(registry: registry, shard: loops)
        sharedMeters = LogMeters(registry: registry, shard: loops + 1)
    }

    /// The log of one loop. Ask once per loop: a ring has one writer.
    package func accessLog(loop: Int, tick: LoopTick) -> AccessLog {
        AccessLog(
            journal: self, ring: rings[loop], loop: loop, tick: tick, meters: loopMeters[loop])
    }

    /// Writes an entry of the control plane, from any thread. Never sampled, never blocks for long.
    package func writeShared(_ record: AccessRecord) {
        guard mode != .off else { return }
        let index = Int(record.logClass.rawValue)
        let isTaken = shared.withLock { queue in
            guard queue.count < Self.sharedCapacity else { return false }
            queue.append(record)
            return true
        }
        if isTaken {
            sharedMeters.accepted[index].addShared()
            wakeIfAsleep()
        } else {
            sharedMeters.droppedFull[index].addShared()
            sharedMeters.dropped.addShared()
        }
    }

    /// Changes the budgets, entries per second of the whole process.
    package func adopt(budgetPerSecond: Int, reservePerSecond: Int) {
        guard mode != .off else { return }
        okBudget.setRate(budgetPerSecond)
        reserveBudget.setRate(reservePerSecond)
    }

    /// Starts the writer.
    package func start() {
        let isFirst = phase.withLock { phase in
            guard phase == .made, mode != .off else { return false }
            phase = .running
            return true
        }
        if isFirst { WriterThread.start(for: self) }
    }

    /// Writes out what waits, then ends the writer. A writer that is stuck is left alone.
    ///
    /// Call it when the loops are done. Blocks up to the deadline.
    /// - Returns: entries that were still held and are lost; they are counted as `dropped_error`.
    package func stop(deadlineMilliseconds: Int32) -> Int {
        let wasRunning = phase.withLock { phase in
            let wasRunning = phase == .running
            if wasRunning { phase = .stopping }
            return wasRunning
        }
        if wasRunning {
            wake.signal()
            if finished.wait(milliseconds: deadlineMilliseconds) { return 0 }
        }
        return phase.withLock { phase in
            guard phase == .stopping || phase == .made else { return 0 }
            phase = .abandoned
            return countHeld()
        }
    }

    /// True while the writer has nothing to do and waits to be woken.
    package var isIdle: Bool { isAsleep.load(ordering: .relaxed) }

    // MARK: For the writer and the loops

    var isStopping: Bool { phase.withLock { $0 != .running } }

    /// Asks for the writer's attention; a system call only if it sleeps.
    func wakeIfAsleep() {
        // Pairs with the fence in `tryToSleep`: either we see it asleep or it sees our entry.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        if isAsleep.load(ordering: .relaxed), isAsleep.exchange(false, ordering: .relaxed) {
            wake.signal()
        }
    }

    /// Announces that the writer goes to sleep; false when there is work after all.
    func tryToSleep() -> Bool {
        isAsleep.store(true, ordering: .relaxed)
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        if rings.allSatisfy(\.isEmpty), shared.withLock(\.isEmpty), !isStopping { return true }
        wakeUp()
        return false
    }

    func wakeUp() { isAsleep.store(false, ordering: .relaxed) }

    func takeShared() -> [AccessRecord] {
        shared.withLock { queue in
            defer { queue.removeAll(keepingCapacity: true) }
            return queue
        }
    }

    /// Accounts for one entry the writer is through with; false when it was given up meanwhile.
    func complete(_ logClass: LogClass, isSent: Bool) -> Bool {
        phase.withLock { phase in
            guard phase != .abandoned else { return false }
            let index = Int(logClass.rawValue)
            if isSent {
                writerMeters.sent[index].add()
            } else {
                writerMeters.droppedError[index].add()
                writerMeters.dropped.add()
            }
            return true
        }
    }

    func writerIsOver() {
        phase.withLock { $0 = $0 == .abandoned ? .abandoned : .over }
        finished.signal()
    }

    /// Entries lost so far, for any reason.
    var droppedTotal: UInt64 {
        (loopMeters + [writerMeters, sharedMeters]).reduce(0) { $0 + $1.dropped.value }
    }

    /// What was taken from the loops and never completed. The caller holds `phase`.
    private func countHeld() -> Int {
        var held: UInt64 = 0
        for index in LogClass.allCases.indices {
            let meters = loopMeters + [writerMeters, sharedMeters]
            let taken = meters.reduce(0) { $0 + $1.accepted[index].value }
            let done = writerMeters.sent[index].value + writerMeters.droppedError[index].value
            let rest = taken > done ? taken - done : 0
            sharedMeters.droppedError[index].addShared(rest)
            sharedMeters.dropped.addShared(rest)
            held += rest
        }
        return Int(held)
    }
}
