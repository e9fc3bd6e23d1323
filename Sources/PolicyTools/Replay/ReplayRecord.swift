import SluiceVocabulary

/// A replay as `sluice policy replay --json` prints it.
struct ReplayRecord: Encodable {
    private let candidate: PolicySourceRecord
    private let baseline: PolicySourceRecord?
    private let journal: Journal
    private let judged: Judged
    private let flips: [Flip]
    /// Flips beyond the list.
    private let flipsLeftOut: Int
    private let wouldRefuse: [Group]
    private let wouldPermit: [Group]
    private let otherRule: [Group]
    private let seconds: [Second]
    private let notKnown: [ReplayUnknown]

    enum CodingKeys: String, CodingKey {
        case candidate, baseline, journal, judged, flips, seconds
        case flipsLeftOut = "flips_left_out"
        case wouldRefuse = "would_refuse"
        case wouldPermit = "would_permit"
        case otherRule = "other_rule"
        case notKnown = "not_known"
    }

    private struct Journal: Encodable {
        let source: String
        let entries: Int
        let unreadable: Int
        let dropped: Int64
        let late: Int
        let starts: Int
        /// Requests by the revision that was in force.
        let revisions: [String: Int64]
        let excluded: [String: Int64]
    }

    private struct Judged: Encodable {
        let entries: Int
        let requests: Int64
        let users: Int
        let firstMicroseconds: Int64?
        let lastMicroseconds: Int64?
        let warmUpRequests: Int64
        let warmUpMicroseconds: Int64
        let refusedThen: Int64
        let refusedByCandidate: Int64
        let flippedEntries: Int
        let flippedRequests: Int64
        let flippedUsers: Int
        let wouldWait: Int64
        /// Some entries stand for several requests.
        let isEstimate: Bool

        enum CodingKeys: String, CodingKey {
            case entries, requests, users
            case firstMicroseconds = "first_us"
            case lastMicroseconds = "last_us"
            case warmUpRequests = "warm_up_requests"
            case warmUpMicroseconds = "warm_up_us"
            case refusedThen = "refused_then"
            case refusedByCandidate = "refused_by_candidate"
            case flippedEntries = "flipped_entries"
            case flippedRequests = "flipped_requests"
            case flippedUsers = "flipped_users"
            case wouldWait = "would_wait"
            case isEstimate = "estimate"
        }
    }

    private struct Flip: Encodable {
        let request: String
        let timeMicroseconds: Int64
        let who: String
        let action: String
        let weight: Int64
        /// Rule that refused then; nil = it passed.
        let refusedThen: String?
        let refusedByCandidate: String?

        enum CodingKeys: String, CodingKey {
            case request, who, action, weight
            case timeMicroseconds = "time_us"
            case refusedThen = "refused_then"
            case refusedByCandidate = "refused_by_candidate"
        }

        init(_ flip: ReplayTally.Flip) {
            request = flip.entry.requestID
            timeMicroseconds = flip.entry.time
            who = flip.entry.who
            action = flip.entry.action
            weight = flip.entry.weight
            refusedThen = flip.old.rule
            refusedByCandidate = flip.new.rule
        }
    }

    private struct Group: Encodable {
        let rule: String
        let entries: Int
        let requests: Int64
        let users: Int
        let actions: [String: Int64]

        static func list(_ groups: [String: ReplayTally.Group]) -> [Self] {
            ReplayText.sorted(groups).map {
                Self(
                    rule: $0.key, entries: $0.value.entries, requests: $0.value.requests,
                    users: $0.value.users.count, actions: $0.value.actions)
            }
        }
    }

    private struct Second: Encodable {
        let start: Int64
        let requests: Int64
        let wouldRefuse: Int64
        let wouldPermit: Int64

        enum CodingKeys: String, CodingKey {
            case start, requests
            case wouldRefuse = "would_refuse"
            case wouldPermit = "would_permit"
        }
    }

    init(_ replay: PolicyReplay, source: String) {
        let (tally, notes) = (replay.tally, replay.notes)
        candidate = PolicySourceRecord(replay.question.candidate)
        baseline = replay.question.baseline.map(PolicySourceRecord.init)
        journal = Journal(
            source: source, entries: notes.entries, unreadable: notes.unreadable,
            dropped: notes.dropped, late: notes.late, starts: notes.starts,
            revisions: notes.revisions,
            excluded: Dictionary(
                uniqueKeysWithValues: notes.excluded.map { ($0.key.name, $0.value) }))
        judged = Judged(
            entries: tally.entries, requests: tally.requests, users: tally.users.count,
            firstMicroseconds: tally.first, lastMicroseconds: tally.last,
            warmUpRequests: notes.warmUp, warmUpMicroseconds: replay.question.warmUpMicroseconds,
            refusedThen: tally.refusedBefore, refusedByCandidate: tally.refusedAfter,
            flippedEntries: tally.flippedEntries, flippedRequests: tally.flippedRequests,
            flippedUsers: tally.flippedUsers.count, wouldWait: tally.waits,
            isEstimate: notes.sampledEntries > 0)
        flips = tally.flips.map(Flip.init)
        flipsLeftOut = tally.flippedEntries - tally.flips.count
        wouldRefuse = Group.list(tally.toRefused)
        wouldPermit = Group.list(tally.toAllowed)
        otherRule = Group.list(tally.moved)
        seconds = tally.parts(60).map {
            Second(
                start: $0.start, requests: $0.counts.requests, wouldRefuse: $0.counts.refusals,
                wouldPermit: $0.counts.permits)
        }
        notKnown = replay.unknowns
    }
}
