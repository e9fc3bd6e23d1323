import SluiceJournalReader
import SluicePolicy
import SluiceVocabulary

/// A request of the past, and what a policy says to it with the buckets as they were.
struct JournalExplanation {
    let source: PolicySource
    let trace: PolicyTrace
    /// Requests before it that were charged.
    let charged: Int
    /// Whether the journal reaches back as far as the limits remember.
    let isWhole: Bool
    let gaps: [ReplayGaps.Rule]

    /// Finds the request's entry, the newest of that id.
    ///
    /// - Returns: nil when there is no such entry that the policy decided.
    static func find(
        _ id: String, in source: JournalSource
    ) throws(JournalFailure) -> ReplayEntry? {
        let reader = try JournalReader(
            source, names: ReplayField.names,
            selection: JournalSelection(match: "\(ReplayField.requestID.name)=\(id)"))
        var entries = ReplayEntryReader()
        var found: ReplayEntry?
        while true {
            switch try reader.next() {
            case .end: return found
            case .unreadable: continue
            case .entry:
                let fields = ReplayFields(values: reader.fields)
                guard fields[.requestID] == id else { continue }
                if case .entry(let entry) = entries.read(fields), entry.step == .request {
                    if found.map({ $0.time <= entry.time }) ?? true { found = entry }
                }
            }
        }
    }

    /// Charges what came before, as far back as limits remember, and explains the request.
    init(
        _ request: ReplayEntry, under source: PolicySource, in journal: JournalSource
    ) throws(JournalFailure) {
        let start = request.time - source.model.memoryNanoseconds / 1_000
        // Received when it was over, and with it whatever was decided before and took as long.
        let end = request.time + request.durationMicroseconds + ReplayOrder.windowMicroseconds
        let reader = try JournalReader(
            journal, names: ReplayField.names,
            selection: JournalSelection(
                match: "SYSLOG_IDENTIFIER=sluice",
                // Further back than limits remember: whether a start is the process's first word.
                since: WallTime(microseconds: start - ReplayRun.earlyMicroseconds),
                until: WallTime(microseconds: end)))
        var past = Past(source, request, from: start)
        var step = try reader.next()
        while step != .end {
            if step == .entry { past.take(reader) }
            step = try reader.next()
        }
        past.finish()
        self.source = source
        trace = past.trace ?? past.judge.explain(request)
        charged = past.charged
        isWhole = reader.hasOlderEntries || past.isOlder || past.sawStart
        gaps = ReplayGaps(source.model).rules
    }

    /// The process that decided the request, up to that.
    private struct Past {
        private let source: PolicySource
        private let request: ReplayEntry
        private let claims = ReplayClaims()
        private var entries = ReplayEntryReader()
        private var offset: Int64?
        private(set) var judge: ReplayJudge
        private(set) var trace: PolicyTrace?
        private(set) var charged = 0
        private(set) var sawStart = false
        /// There is an entry of before limits remember.
        private(set) var isOlder = false
        private let start: Int64
        private var process: Int?
        private var kept: [ReplayEntry] = []

        init(_ source: PolicySource, _ request: ReplayEntry, from start: Int64) {
            self.start = start
            self.source = source
            self.request = request
            judge = ReplayJudge(
                source.fresh(), subjects: ReplaySubjects(seen: claims), offset: 0)
        }

        mutating func take(_ reader: JournalReader) {
            guard case .entry(let entry) = entries.read(ReplayFields(values: reader.fields)) else {
                return
            }
            if entry.requestID == request.requestID, entry.time == request.time {
                process = entry.process
                offset = reader.receipt.map { $0.wall - $0.monotonic }
            }
            if entry.time < start { isOlder = true }
            // The start of what decided the request may be told after it.
            if entry.time <= request.time || entry.step == .start { kept.append(entry) }
        }

        mutating func finish() {
            judge = fresh
            let mine = kept.filter { $0.process == process }.sorted()
            guard let first = mine.first else { return }
            var run = ReplayRun(first, isNamed: process != entries.unnamedProcess)
            for entry in mine {
                if trace != nil {
                    if entry.step == .start, run.isStart(at: entry.time) { sawStart = true }
                    continue
                }
                switch entry.step {
                case .start:
                    sawStart = true
                    if run.start(at: entry.time) {
                        judge = fresh
                        charged = 0
                    }
                case .close: judge.close(entry.connection, at: entry.time)
                case .request where entry.requestID == request.requestID:
                    if entry.time == request.time {
                        trace = judge.explain(entry)
                    } else {
                        _ = judge.decide(entry)
                    }
                case .request:
                    _ = judge.decide(entry)
                    charged += 1
                }
            }
        }

        private var fresh: ReplayJudge {
            ReplayJudge(
                source.fresh(), subjects: ReplaySubjects(seen: claims), offset: offset ?? 0)
        }
    }
}
