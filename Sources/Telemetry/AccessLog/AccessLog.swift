import SluiceVocabulary

/// The log of one event loop: decides which requests get an entry and puts it on the ring.
///
/// Loop-bound. Nothing here blocks, whatever journald does. The sum of all weights written plus
/// what is carried for entries to come is the number of requests, per class.
package final class AccessLog {
    private let journal: Journal
    private let ring: RecordRing
    private let tick: LoopTick
    private let meters: LogMeters
    private var okSampler: Sampler
    private var reserveSampler: Sampler
    /// Requests per class since the last entry of that class.
    private var carried = PerClass()
    /// Requests without an entry in this turn; counted at its end.
    private var skipped = PerClass()
    /// Time stands still within a turn, so it is looked at once.
    private var isTimeChecked = false
    private var window: UInt64 = 0
    private var windowEndNanoseconds: Int64 = 0
    private var hasWritten = false
    /// What was carried per class at the last `settle`.
    private var settled: [3 of UInt64] = [0, 0, 0]

    init(journal: Journal, ring: RecordRing, loop: Int, tick: LoopTick, meters: LogMeters) {
        self.journal = journal
        self.ring = ring
        self.tick = tick
        self.meters = meters
        okSampler = Sampler(budget: journal.okBudget, loop: loop)
        reserveSampler = Sampler(budget: journal.reserveBudget, loop: loop)
        tick.onFinish { [unowned self] in finishTurn() }
    }

    /// Whether a request of this class gets an entry: the number of requests the entry stands for,
    /// or 0: it is counted as sampled and no record should be built.
    package func weight(for logClass: LogClass) -> UInt32 {
        carried.add(1, to: logClass)
        if !isTimeChecked { checkTime() }
        let isNext = logClass == .ok ? okSampler.isNext() : reserveSampler.isNext()
        if isNext { return pick(logClass) }
        skipped.add(1, to: logClass)
        return 0
    }

    /// Puts an entry on the ring. When the ring is full the entry is counted as lost and its weight
    /// goes to the next one of its class.
    package func write(_ record: consuming AccessRecord) {
        tick.begin()
        let logClass = record.logClass
        let index = Int(logClass.rawValue)
        Self.clip(&record.topic, to: 1_024)
        Self.clip(&record.trace, to: 128)
        let weight = record.weight
        if ring.push(record, isReserved: logClass != .ok) {
            meters.accepted[index].add()
            hasWritten = true
        } else {
            meters.droppedFull[index].add()
            meters.dropped.add()
            carried.add(UInt64(weight), to: logClass)
        }
    }

    /// Changes the budgets of the whole process, entries per second.
    package func adopt(budgetPerSecond: Int, reservePerSecond: Int) {
        journal.adopt(budgetPerSecond: budgetPerSecond, reservePerSecond: reservePerSecond)
    }

    /// Requests of a class that no entry stands for yet.
    package func carried(for logClass: LogClass) -> UInt64 { carried.count(of: logClass) }

    /// Accounts for requests that were sampled out after the last entry of their class: one entry
    /// that stands for them all. Called now and then; does nothing while entries keep coming.
    package func settle() {
        guard journal.mode != .off else { return }
        tick.begin()
        for logClass in LogClass.allCases {
            let index = Int(logClass.rawValue)
            let waiting = carried.count(of: logClass)
            defer { settled[index] = carried.count(of: logClass) }
            // Only what has stood still since the last look: traffic carries its own weights.
            guard waiting > 0, waiting == settled[index] else { continue }
            var record = AccessRecord(event: .request, logClass: logClass, time: tick.wall)
            record.weight = UInt32(clamping: carried.take(of: logClass))
            record.message = "\(record.weight) more \(logClass.name) requests, sampled out"
            write(record)
        }
    }

    // Samplers are copied out and back: a mutating call on a stored one would make every access to
    // it, the one per request included, pay for a dynamic exclusivity check (30 ns).

    private func pick(_ logClass: LogClass) -> UInt32 {
        let isTaken: Bool
        if logClass == .ok {
            var sampler = okSampler
            isTaken = sampler.take(window: window)
            okSampler = sampler
        } else {
            var sampler = reserveSampler
            isTaken = sampler.take(window: window)
            reserveSampler = sampler
        }
        guard isTaken else {
            skipped.add(1, to: logClass)
            return 0
        }
        let all = carried.take(of: logClass)
        let weight = UInt32(clamping: all)
        carried.add(all - UInt64(weight), to: logClass)
        return weight
    }

    private func checkTime() {
        tick.begin()
        isTimeChecked = true
        if tick.now.nanoseconds >= windowEndNanoseconds { roll() }
    }

    private func roll() {
        let next = UInt64(max(0, tick.now.nanoseconds / SampleBudget.windowNanoseconds))
        var sampler = okSampler
        sampler.roll(to: next, from: window)
        okSampler = sampler
        sampler = reserveSampler
        sampler.roll(to: next, from: window)
        reserveSampler = sampler
        window = next
        windowEndNanoseconds = (Int64(next) &+ 1) &* SampleBudget.windowNanoseconds
    }

    private func finishTurn() {
        isTimeChecked = false
        for logClass in LogClass.allCases {
            meters.sampled[Int(logClass.rawValue)].add(skipped.take(of: logClass))
        }
        guard hasWritten else { return }
        hasWritten = false
        journal.wakeIfAsleep()
    }

    /// Text a client chose must not fill the ring's memory.
    private static func clip(_ text: inout String?, to bytes: Int) {
        guard let long = text, long.utf8.count > bytes else { return }
        text = long.clipped(toBytes: bytes)
    }
}

@available(*, unavailable)
extension AccessLog: Sendable {}

/// A count for each class.
private struct PerClass {
    private var ok: UInt64 = 0
    private var refused: UInt64 = 0
    private var error: UInt64 = 0

    @inline(__always)
    mutating func add(_ amount: UInt64, to logClass: LogClass) {
        switch logClass {
        case .ok: ok &+= amount
        case .refused: refused &+= amount
        case .error: error &+= amount
        }
    }

    func count(of logClass: LogClass) -> UInt64 {
        switch logClass {
        case .ok: ok
        case .refused: refused
        case .error: error
        }
    }

    /// The count, which is 0 from now on.
    mutating func take(of logClass: LogClass) -> UInt64 {
        let taken = count(of: logClass)
        add(0 &- taken, to: logClass)
        return taken
    }
}

extension String {
    /// The longest start that fits and cuts no code point.
    func clipped(toBytes bytes: Int) -> String {
        guard utf8.count > bytes else { return self }
        var end = utf8.index(utf8.startIndex, offsetBy: bytes)
        // A byte 10xxxxxx continues a code point (RFC 3629 section 3).
        while end > utf8.startIndex, utf8[end] & 0xC0 == 0x80 { end = utf8.index(before: end) }
        return String(self[..<end])
    }
}
