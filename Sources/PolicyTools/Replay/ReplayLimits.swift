import SluiceDocuments
import SluicePolicy

/// What a replay could not know: an honest list, each line with what it means for the result.
struct ReplayUnknown: Encodable {
    let id: String
    let text: String
}

extension PolicyReplay {
    /// Everything that makes the result less than certain; empty when nothing does.
    var unknowns: [ReplayUnknown] {
        var list: [ReplayUnknown] = []
        func add(_ id: String, _ text: String) { list.append(ReplayUnknown(id: id, text: text)) }
        for rule in gaps.rules {
            add(
                "rule_not_replayed",
                "\(rule.name) was not replayed: the journal does not hold "
                    + rule.facts.joined(separator: ", "))
        }
        for claim in notes.missingClaims {
            add(
                "claim_unknown",
                "no entry holds the claim \(claim): the policy in force does not look at it, or "
                    + "nobody has it; rules that do were replayed as if nobody had it")
        }
        if notes.sampledEntries > 0 {
            add(
                "sampled",
                "\(counted(notes.sampledEntries, "entry stands", "entries stand")) for "
                    + "\(counted(notes.sampledRequests, "request")): counts are estimates, and limits saw too "
                    + "few requests (each such entry was charged once)")
        }
        for reason in ReplayExclusion.allCases {
            if let count = notes.excluded[reason], count > 0 {
                add(reason.name, reason.text(count))
            }
        }
        if notes.dropped > 0 {
            add(
                "dropped",
                counted(notes.dropped, "entry was", "entries were")
                    + " lost when journald stood still")
        }
        if notes.unreadable > 0 {
            add(
                "unreadable",
                counted(notes.unreadable, "entry", "entries") + " could not be read")
        }
        if notes.late > 0 {
            add(
                "late",
                counted(notes.late, "entry", "entries")
                    + " came too late to be put in the order of decisions")
        }
        addPolicy(&list)
        return list
    }

    private func addPolicy(_ list: inout [ReplayUnknown]) {
        func add(_ id: String, _ text: String) { list.append(ReplayUnknown(id: id, text: text)) }
        let model = gaps.model
        if notes.revisions.count > 1, question.baseline == nil {
            add(
                "revisions",
                "\(notes.revisions.count) revisions of the policy were in force; each request is "
                    + "compared with what was decided under its own")
        }
        if notes.hasNoClock, model.limits.contains(where: { $0.algorithm == .slidingWindow }) {
            add(
                "clock",
                "the entries do not tell the monotonic clock: sliding windows may begin elsewhere")
        }
        if notes.roughSizes > 0, model.looksAtBytes {
            add(
                "sizes",
                counted(notes.roughSizes, "request is", "requests are")
                    + " by an older gateway: whole messages were counted in place of payloads")
        }
        if model.limits.contains(where: { $0.algorithm == .concurrency }) {
            add(
                "concurrency",
                "places of requests that were refused then are held as long as their action's "
                    + "others took")
        }
        if model.devices.rule != .allowAll {
            add("devices", "the rule for devices was not replayed")
        }
        if model.limits.contains(where: { !$0.key.isEmpty && $0.key == [.session] }) {
            add("sessions", "a connection stands for its session")
        }
    }
}

extension PolicyModel {
    /// Whether any rule looks at sizes.
    fileprivate var looksAtBytes: Bool {
        limits.contains { $0.unit == .bytes }
            || permissions.contains { $0.when?.text.contains("message.bytes") == true }
    }
}
