package import SluiceVocabulary

/// The log of one event loop: decides which requests get an entry and puts it on the ring.
///
/// A request is due for an entry with the probability its action and outcome have in the policy;
/// whether one that is due gets it, the budget of the process says. Loop-bound. Nothing here blocks,
/// whatever journald does. The sum of all weights written plus what is carried for entries to come
/// is the number of requests, for each action and class.
package final class AccessLog {
    /// Rests told in one look.
    private static let maxRestsPerLook = 20

    private let journal: Journal
    private let ring: RecordRing
    private let tick: LoopTick
    private let meters: LogMeters
    private var okSampler: Sampler
    private var reserveSampler: Sampler
    private var shares: LogShares
    /// The same as that of `shares`, where the way of every message finds it.
    private var isSampling = false
    private var random: UInt64
    /// Requests without an entry, by action and class, since the last entry of the same.
    private var carried: CarriedRequests
    /// Where the requests of the last entry were carried.
    private var lastCell = 0
    /// Requests without an entry in this turn; counted at its end.
    private var skipped = PerClass()
    /// Time stands still within a turn, so it is looked at once.
    private var isTimeChecked = false
    private var window: UInt64 = 0
    private var windowEndNanoseconds: Int64 = 0
    private var hasWritten = false

    init(journal: Journal, ring: RecordRing, loop: Int, tick: LoopTick, meters: LogMeters) {
        self.journal = journal
        self.ring = ring
        self.tick = tick
        self.meters = meters
        okSampler = Sampler(budget: journal.okBudget, loop: loop)
        reserveSampler = Sampler(budget: journal.reserveBudget, loop: loop)
        random = 0xD1B5_4A32_D192_ED03 &* UInt64(loop &+ 1)
        shares = LogShares(catalog: ActionCatalog(commands: []))
        carried = CarriedRequests(catalog: shares.catalog)
        tick.onFinish { [unowned self] in finishTurn() }
    }

    /// Whether a request of this class gets an entry: the number of requests of its action and class
    /// that the entry stands for, or 0: it is counted as sampled and no record should be built.
    ///
    /// Write the entry before the next request is asked about.
    ///
    /// - Parameter action: of the catalog in force, see `adopt(_:)`.
    package func weight(for logClass: LogClass, action: ActionID) -> UInt32 {
        let cell = carried.cell(action, logClass)
        carried.add(1, to: cell)
        if !isTimeChecked { checkTime() }
        if !isSampling || isDue(cell) {
            let isNext = logClass == .ok ? okSampler.isNext() : reserveSampler.isNext()
            if isNext { return pick(cell, logClass) }
        }
        skipped.add(1, to: logClass)
        return 0
    }

    /// Puts an entry on the ring. When the ring is full the entry is counted as lost and its weight
    /// goes to the next one of its action and class.
    package func write(_ record: consuming AccessRecord) {
        Self.clip(&record.topic, to: 1_024)
        Self.clip(&record.trace, to: 128)
        let weight = record.weight
        if !push(record) { carried.add(UInt64(weight), to: lastCell) }
    }

    /// Changes the budgets of the whole process, entries per second.
    package func adopt(budgetPerSecond: Int, reservePerSecond: Int) {
        journal.adopt(budgetPerSecond: budgetPerSecond, reservePerSecond: reservePerSecond)
    }

    /// Samples by other shares, and counts by their catalog, from the next request on. What is
    /// carried for an action goes on under its name; if nothing has that name any more, `settle`
    /// tells it.
    package func adopt(_ shares: LogShares) {
        self.shares = shares
        isSampling = shares.isSampling
        carried.adopt(shares.catalog)
        lastCell = 0
    }

    /// Requests of an action and class that no entry stands for yet.
    package func carried(for logClass: LogClass, action: String) -> UInt64 {
        carried.count(action, logClass)
    }

    /// Requests of a class that no entry stands for yet.
    package func carried(for logClass: LogClass) -> UInt64 { carried.count(logClass) }

    /// Accounts for requests that were sampled out after the last entry of their action and class:
    /// one entry that stands for them all. Call it once a second; it does nothing while entries keep
    /// coming, and tells of an action at most once a minute.
    package func settle() {
        tell(carried.look(atMost: Self.maxRestsPerLook)) { rest, record in
            if !push(record) { carried.putBack(rest) }
        }
    }

    /// The same for everything that is carried: the loop has done its work. Nobody can carry it any
    /// longer, so what a full ring does not take goes the way of the control plane's entries.
    package func settleAll() {
        tell(carried.takeAll()) { _, record in
            guard ring.push(record, isReserved: true) else { return journal.writeShared(record) }
            meters.accepted[Int(record.logClass.rawValue)].add()
            hasWritten = true
        }
    }

    private func tell(
        _ rests: [CarriedRequests.Rest],
        _ write: (CarriedRequests.Rest, AccessRecord) -> Void
    ) {
        guard journal.mode != .off else { return }
        for rest in rests {
            tick.begin()
            var record = AccessRecord(event: .request, logClass: rest.logClass, time: tick.wall)
            record.action = rest.action
            record.weight = UInt32(rest.count)
            record.message =
                "\(rest.count) more \(rest.logClass.name) requests of \(rest.action), sampled out"
            write(rest, record)
        }
    }

    /// False when the ring is full; then the entry is counted as lost.
    private func push(_ record: consuming AccessRecord) -> Bool {
        tick.begin()
        let logClass = record.logClass
        let index = Int(logClass.rawValue)
        guard ring.push(record, isReserved: logClass != .ok) else {
            meters.droppedFull[index].add()
            meters.dropped.add()
            return false
        }
        meters.accepted[index].add()
        hasWritten = true
        return true
    }

    /// Draws for a request whose action or outcome has a share (xorshift64).
    private func isDue(_ cell: Int) -> Bool {
        let threshold = shares.thresholds[cell]
        guard threshold < LogShares.always else { return true }
        random ^= random << 13
        random ^= random >> 7
        random ^= random << 17
        return random >> 32 < threshold
    }

    // Samplers are copied out and back: a mutating call on a stored one would make every access to
    // it, the one per request included, pay for a dynamic exclusivity check (30 ns).

    private func pick(_ cell: Int, _ logClass: LogClass) -> UInt32 {
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
        lastCell = cell
        return carried.take(cell)
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
