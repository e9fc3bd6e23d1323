import Glibc
import SluiceVocabulary

/// The one thread that talks to journald. It may block there; nothing else waits for it.
struct JournalWriter {
    /// Entries taken from one ring before the next has its turn.
    private static let turn = 64
    /// Pause between two rounds, so that under load one round takes many entries.
    private static let pauseMilliseconds: Int32 = 5
    private static let noticeMilliseconds: Int32 = 10_000
    private static let lineBatchBytes = 65_536

    private let journal: Journal
    private var entry = EntryBuffer()
    private var journald = JournaldSink()
    private let lines: LineSink
    private var batch = JSONLine()
    /// What the entries in `batch` are about, with the weight each stands for.
    private var batched: [(subject: Subject, weight: UInt64)] = []
    /// Requests whose entry could not be written; the next entry of the same stands for them too.
    private var lost: [Subject: UInt64] = [:]
    private var reportedDrops: UInt64 = 0
    private var lastNotice: Int64 = 0

    /// What one entry may stand for: requests of one action and class.
    private struct Subject: Hashable {
        var action: String
        var logClass: LogClass
    }

    init(journal: Journal) {
        self.journal = journal
        lines = LineSink(descriptor: journal.lineDescriptor)
    }

    /// Runs until the journal is stopped or given up.
    mutating func run() {
        while true {
            // Asked before the round: what was there when the stop came is written.
            let isLast = journal.isStopping
            guard let count = round() else { break }
            if count > 0 {
                if !isLast { journal.wake.wait(milliseconds: Self.pauseMilliseconds) }
            } else if isLast {
                break
            } else if journal.tryToSleep() {
                let isOwed = journal.droppedTotal > reportedDrops
                journal.wake.wait(milliseconds: isOwed ? Self.noticeMilliseconds : -1)
                journal.wakeUp()
            }
        }
        journal.writerIsOver()
    }

    /// Empties what waits; nil when the journal was given up meanwhile.
    private mutating func round() -> Int? {
        let toJournald: Bool
        switch journal.mode {
        case .journald: toJournald = true
        case .standardError, .off: toJournald = false
        // Looked at once per round: journald may come and go.
        case .auto: toJournald = Systemd.journaldIsPresent
        }
        var count = 0
        for record in journal.takeShared() {
            guard write(record, toJournald) else { return nil }
            count += 1
        }
        var isMore = true
        while isMore {
            isMore = false
            for ring in journal.rings {
                for _ in 0..<Self.turn {
                    guard let record = ring.pop() else { break }
                    isMore = true
                    guard write(record, toJournald) else { return nil }
                    count += 1
                }
            }
        }
        guard noticeDrops(toJournald), flushLines() else { return nil }
        return count
    }

    /// Writes one entry; false when the journal was given up meanwhile.
    private mutating func write(_ record: AccessRecord, _ toJournald: Bool) -> Bool {
        let subject = Subject(action: record.action, logClass: record.logClass)
        var record = record
        if !lost.isEmpty, record.event != .gateway, let owed = lost.removeValue(forKey: subject) {
            let total = UInt64(record.weight) + owed
            record.weight = UInt32(clamping: total)
            owe(total - UInt64(record.weight), subject)
        }
        entry.encode(record)
        guard toJournald else {
            batch.append(entry)
            batched.append((subject, record.lostWeight))
            return batch.bytes.count < Self.lineBatchBytes || flushLines()
        }
        // A missing socket looks like success to libsystemd.
        let isSent = (journal.mode == .auto || Systemd.journaldIsPresent) && journald.send(entry)
        if !isSent { owe(record.lostWeight, subject) }
        return journal.complete(record.logClass, isSent: isSent)
    }

    private mutating func flushLines() -> Bool {
        guard !batched.isEmpty else { return true }
        let isSent = lines.write(batch.bytes)
        batch.clear()
        defer { batched.removeAll(keepingCapacity: true) }
        for (subject, weight) in batched {
            if !isSent { owe(weight, subject) }
            guard journal.complete(subject.logClass, isSent: isSent) else { return false }
        }
        return true
    }

    private mutating func owe(_ weight: UInt64, _ subject: Subject) {
        if weight > 0 { lost[subject, default: 0] += weight }
    }

    /// Tells of lost entries in the journal itself, at most every ten seconds.
    private mutating func noticeDrops(_ toJournald: Bool) -> Bool {
        let total = journal.droppedTotal
        guard total > reportedDrops else { return true }
        let now = Self.nanoseconds(of: CLOCK_MONOTONIC)
        let waited = (now - lastNotice) / 1_000_000
        guard lastNotice == 0 || waited >= Self.noticeMilliseconds else { return true }
        lastNotice = now
        var record = AccessRecord(
            event: .gateway, logClass: .error,
            time: WallTime(microseconds: Self.nanoseconds(of: CLOCK_REALTIME) / 1_000))
        record.priority = 4
        record.messageID = MessageID.logDrops
        record.message =
            "\(total - reportedDrops) journal entries were lost: journald took them too slowly"
        record.extra = [("SLUICE_DROPPED", String(total - reportedDrops))]
        reportedDrops = total
        journal.writerMeters.accepted[Int(LogClass.error.rawValue)].add()
        return write(record, toJournald)
    }

    private static func nanoseconds(of clock: clockid_t) -> Int64 {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

extension AccessRecord {
    /// What is owed to the next entry when this one cannot be written.
    fileprivate var lostWeight: UInt64 { event == .gateway ? 0 : UInt64(weight) }
}
