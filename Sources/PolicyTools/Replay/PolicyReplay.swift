import SluiceJournalReader
import SluicePolicy
import SluiceVocabulary

/// Plays the requests of a journal to a policy, and compares.
///
/// What the journal says was decided is the baseline, unless there is a policy for that too. Each
/// process of the gateway had buckets of its own and has them again.
final class PolicyReplay {
    /// What is asked.
    struct Question {
        var candidate: PolicySource
        var baseline: PolicySource?
        /// Requests before are not judged, in microseconds since 1970.
        var since: Int64?
        var until: Int64?
        /// Requests of a process that was running already are charged but not judged for so long.
        var warmUpMicroseconds: Int64
    }

    let question: Question
    let gaps: ReplayGaps
    private let baselineGaps: ReplayGaps?
    private(set) var tally = ReplayTally()
    private(set) var notes = ReplayNotes()
    private var order = ReplayOrder()
    private var entries = ReplayEntryReader()
    private let claims = ReplayClaims()
    private var nodes: [Int: Node] = [:]
    private var runs: [Int: ReplayRun] = [:]
    private var offsets: [Int: Int64] = [:]
    private var coveredFrom: Int64?
    /// Of each process that said so: when it started first.
    private var starts: [Int: Int64] = [:]

    /// One process of the gateway.
    private struct Node {
        let candidate: ReplayJudge
        let baseline: ReplayJudge?
        var judgesFrom: Int64
    }

    init(_ question: Question) {
        self.question = question
        gaps = ReplayGaps(question.candidate.model)
        baselineGaps = question.baseline.map { ReplayGaps($0.model) }
    }

    /// From where on the journal must be read, so that judging can begin at `since`.
    var readsFrom: Int64? { question.since.map { $0 - question.warmUpMicroseconds } }

    /// Reads to the end.
    func run(
        _ reader: JournalReader, progress: (ReplayProgress) -> Void
    ) throws(JournalFailure) {
        var read = 0
        while true {
            switch try reader.next() {
            case .end:
                while let entry = order.drain() { play(entry) }
                notes.late = order.late
                notes.missingClaims = question.candidate.snapshot.claimsUsed.filter {
                    $0 != "sub" && !claims.names.contains($0)
                }
                progress(ReplayProgress(entries: read, share: 1))
                return
            case .unreadable: notes.unreadable += 1
            case .entry: take(reader)
            }
            read += 1
            if read & 0x1FFF == 0 {
                progress(ReplayProgress(entries: read, share: reader.progress))
            }
            while let entry = order.next() { play(entry) }
        }
    }

    private func take(_ reader: JournalReader) {
        notes.entries += 1
        let result = entries.read(ReplayFields(values: reader.fields))
        switch result {
        case .other: break
        case .broken: notes.unreadable += 1
        case .dropped(let count): notes.dropped += count
        case .excluded(let reason, let weight): notes.excluded[reason, default: 0] += weight
        case .entry(let entry):
            if let until = question.until, entry.time > until { return }
            if offsets[entry.process] == nil {
                // Windows begin by the monotonic clock of the gateway's machine.
                let receipt = reader.receipt
                if receipt == nil { notes.hasNoClock = true }
                offsets[entry.process] = receipt.map { $0.wall - $0.monotonic } ?? 0
            }
            if coveredFrom == nil {
                coveredFrom = reader.hasOlderEntries ? readsFrom ?? entry.time : entry.time
            }
            coveredFrom = min(coveredFrom ?? entry.time, entry.time)
            if entry.step == .start {
                starts[entry.process] = min(starts[entry.process] ?? .max, entry.time)
            }
            order.insert(entry)
        }
    }

    private func play(_ entry: ReplayEntry) {
        var run =
            runs[entry.process]
            ?? ReplayRun(entry, isNamed: entry.process != entries.unnamedProcess)
        switch entry.step {
        case .start:
            notes.starts += 1
            if run.start(at: entry.time) || nodes[entry.process] == nil {
                nodes[entry.process] = node(entry.process, judgesFrom: entry.time)
            } else if let known = nodes[entry.process] {
                nodes[entry.process]?.judgesFrom = min(known.judgesFrom, entry.time)
            }
        case .close:
            nodes[entry.process]?.candidate.close(entry.connection, at: entry.time)
            nodes[entry.process]?.baseline?.close(entry.connection, at: entry.time)
        case .request: decide(entry, run)
        }
        runs[entry.process] = run
    }

    private func node(_ process: Int, judgesFrom: Int64) -> Node {
        let offset = offsets[process] ?? 0
        func judge(_ source: PolicySource, _ model: PolicyModel) -> ReplayJudge {
            let snapshot = PolicySnapshot(
                model: model, revision: source.snapshot.revision, catalog: source.snapshot.catalog,
                previous: nil)
            return ReplayJudge(
                snapshot, subjects: ReplaySubjects(seen: claims), offset: offset)
        }
        var baseline: ReplayJudge?
        if let source = question.baseline, let gaps = baselineGaps {
            baseline = judge(source, gaps.model)
        }
        return Node(
            candidate: judge(question.candidate, gaps.model), baseline: baseline,
            judgesFrom: judgesFrom)
    }

    /// From when on a process is judged whose buckets begin with this request.
    private func judging(from first: ReplayEntry, _ run: ReplayRun) -> Int64 {
        // Its start may be told a moment later: it was read already.
        if let start = starts[first.process], run.isStart(at: start) { return first.time }
        return (coveredFrom ?? first.time) + question.warmUpMicroseconds
    }

    private func decide(_ entry: ReplayEntry, _ run: ReplayRun) {
        notes.add(entry)
        guard question.candidate.snapshot.catalog.action(named: entry.action) != nil else {
            notes.excluded[.unknownAction, default: 0] += entry.weight
            return
        }
        let node =
            nodes[entry.process]
            ?? node(entry.process, judgesFrom: judging(from: entry, run))
        nodes[entry.process] = node
        let new = node.candidate.decide(entry)
        let old = node.baseline?.decide(entry).decision ?? entry.decision
        guard entry.time >= max(node.judgesFrom, question.since ?? .min) else {
            notes.warmUp += entry.weight
            return
        }
        if gaps.hides(entry.action) || baselineGaps?.hides(entry.action) == true
            || old.rule.map(gaps.leavesOut) == true
        {
            notes.excluded[.unknownFacts, default: 0] += entry.weight
            return
        }
        tally.add(entry, old: old, new: new)
    }
}

@available(*, unavailable)
extension PolicyReplay: Sendable {}

/// How far a replay is.
package struct ReplayProgress: Sendable {
    /// Entries read.
    package let entries: Int
    /// Part of the whole, 0...1; nil where nobody can know.
    package let share: Double?
}

/// What a replay noticed beside its counts.
struct ReplayNotes {
    var entries = 0
    var unreadable = 0
    var dropped: Int64 = 0
    var late = 0
    var starts = 0
    var warmUp: Int64 = 0
    var hasNoClock = false
    var excluded: [ReplayExclusion: Int64] = [:]
    var missingClaims: [String] = []
    /// Requests by the revision in force.
    private(set) var revisions: [String: Int64] = [:]
    /// Requests whose entries say the size of the message alone.
    private(set) var roughSizes: Int64 = 0
    /// Entries that stand for more than one request, and for how many.
    private(set) var sampledEntries = 0
    private(set) var sampledRequests: Int64 = 0

    mutating func add(_ entry: ReplayEntry) {
        revisions[entry.policy, default: 0] += entry.weight
        if !entry.knowsBytes { roughSizes += entry.weight }
        if entry.weight > 1 {
            sampledEntries += 1
            sampledRequests += entry.weight
        }
    }
}
