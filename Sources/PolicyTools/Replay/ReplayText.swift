import SluiceDocuments
import SluiceVocabulary

/// A replay as a person reads it.
struct ReplayText {
    let replay: PolicyReplay
    let source: String
    let examples: Int
    let isTerminal: Bool

    private var tally: ReplayTally { replay.tally }
    private var notes: ReplayNotes { replay.notes }

    var lines: [String] {
        var lines = head
        if tally.entries == 0 {
            lines += ["", "nothing was judged: " + emptiness]
        } else {
            lines += [""] + counts + flips
        }
        let unknowns = replay.unknowns
        if !unknowns.isEmpty {
            lines += ["", "not known:"] + unknowns.map { "  " + $0.text }
        }
        return lines
    }

    private var head: [String] {
        let baseline = replay.question.baseline?.title ?? "as the journal says it was decided"
        return [
            "candidate: \(replay.question.candidate.title)", "baseline: \(baseline)",
            "journal: \(source), " + counted(notes.entries, "entry", "entries"),
        ]
    }

    private var emptiness: String {
        if notes.entries == 0 { return "there is no entry of the gateway in this time" }
        if notes.warmUp > 0 {
            return "\(counted(notes.warmUp, "request")), all within the warm-up of "
                + durationText(nanoseconds: replay.question.warmUpMicroseconds * 1_000)
                + "; read more (--since), or shorten it (--warm-up)"
        }
        return "no entry is a request that the policy decided"
    }

    private var counts: [String] {
        let span =
            tally.first.flatMap { first in tally.last.map { (first, $0) } }
            .map { "\(Self.time($0.0)) to \(Self.time($0.1))" } ?? ""
        var lines = [
            "judged: \(counted(tally.requests, "request")) of \(counted(tally.users.count, "user")), "
                + span,
            "refused: \(tally.refusedBefore) then, \(tally.refusedAfter) by the candidate",
        ]
        if tally.entries != tally.requests {
            lines[0] += ", from " + counted(tally.entries, "entry", "entries")
        }
        if notes.warmUp > 0 {
            lines.append("charged as warm-up, not judged: " + counted(notes.warmUp, "request"))
        }
        if notes.starts > 0 {
            lines.append("starts of the gateway: \(notes.starts); buckets begin full at each")
        }
        return lines
    }

    // MARK: Flips

    private var flips: [String] {
        if tally.flippedEntries == 0 {
            return ["", "no request would be decided otherwise"] + moved + waits
        }
        let share = Self.share(Int64(tally.flippedUsers.count), of: Int64(tally.users.count))
        var lines = [
            "would flip: \(counted(tally.flippedRequests, "request")) ("
                + Self.share(tally.flippedRequests, of: tally.requests)
                + "), of \(counted(tally.flippedUsers.count, "user")) (\(share))"
        ]
        lines += table("passed, would be refused by", tally.toRefused)
        lines += table("refused, would pass; was refused by", tally.toAllowed)
        return lines + moved + waits + chart + list
    }

    private func table(_ title: String, _ groups: [String: ReplayTally.Group]) -> [String] {
        if groups.isEmpty { return [] }
        var table = TextTable(
            ["  " + title, "requests", "share", "users", "share", "actions"],
            numeric: [1, 2, 3, 4])
        for (rule, group) in Self.sorted(groups) {
            let actions = group.actions.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            table.add([
                "  " + rule, "\(group.requests)", Self.share(group.requests, of: tally.requests),
                "\(group.users.count)",
                Self.share(Int64(group.users.count), of: Int64(tally.users.count)),
                actions.prefix(3).map { "\($0.key) \($0.value)" }.joined(separator: ", ")
                    + (actions.count > 3 ? ", …" : ""),
            ])
        }
        return [""] + table.lines(isTerminal: isTerminal)
    }

    private var moved: [String] {
        Self.sorted(tally.moved).map {
            "refused by another rule: \($0.key), " + counted($0.value.requests, "request")
        }
    }

    private var waits: [String] {
        tally.waits > 0
            ? ["would pass, but wait or be held back: " + counted(tally.waits, "request")] : []
    }

    static func sorted(
        _ groups: [String: ReplayTally.Group]
    ) -> [(key: String, value: ReplayTally.Group)] {
        groups.sorted { ($1.value.requests, $0.key) < ($0.value.requests, $1.key) }
    }

    /// Flips over the span, the largest part as high as a line.
    private var chart: [String] {
        let parts = tally.parts(60)
        guard parts.count > 1 else { return [] }
        func line(_ name: String, _ values: [Int64]) -> [String] {
            guard let most = values.max(), most > 0 else { return [] }
            let bars = values.map { value in
                value == 0 ? "·" : Self.bars[Int((value * 8 - 1) / most).clamped(to: 0...7)]
            }
            return ["  \(name)  \(bars.joined())  at most \(most)"]
        }
        let seconds = parts[1].start - parts[0].start
        return ["", "over time, \(durationText(nanoseconds: seconds * 1_000_000_000)) each:"]
            + line("requests     ", parts.map(\.counts.requests))
            + line("would refuse ", parts.map(\.counts.refusals))
            + line("would permit ", parts.map(\.counts.permits))
    }

    private static let bars = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]

    private var list: [String] {
        guard examples > 0 else { return [] }
        var table = TextTable(["  request", "time", "who", "action", "then", "candidate"])
        for flip in tally.flips.prefix(examples) {
            table.add([
                "  " + flip.entry.requestID, Self.time(flip.entry.time), flip.entry.who,
                flip.entry.action, Self.text(flip.old), Self.text(flip.new),
            ])
        }
        let left = tally.flippedEntries - min(examples, tally.flips.count)
        let more = left > 0 ? ["  … and \(left) more (--examples, --json)"] : []
        return ["", "examples:"] + table.lines(isTerminal: false) + more
            + ["why: sluice policy explain --from-journal REQUEST"]
    }

    private static func text(_ decision: ReplayEntry.Decision) -> String {
        decision.rule.map { "refused by \($0)" } ?? "passed"
    }

    /// `12.3 %`; what is not nothing is never shown as 0.
    static func share(_ part: Int64, of whole: Int64) -> String {
        guard whole > 0, part > 0 else { return "0 %" }
        let tenths = (part * 1_000 + whole / 2) / whole
        return tenths == 0 ? "<0.1 %" : "\(tenths / 10).\(tenths % 10) %"
    }

    private static func time(_ microseconds: Int64) -> String {
        WallTime(microseconds: microseconds).text
    }
}

extension Int {
    fileprivate func clamped(to range: ClosedRange<Int>) -> Int {
        Swift.min(Swift.max(self, range.lowerBound), range.upperBound)
    }
}
