import SluiceDocuments
import SluicePolicy
import SluicePolicyLanguage
import SluiceVocabulary

/// Policy files: whatever a file says it is read or refused with a reason and a place. What is read
/// has one revision, is no change of itself, tells conditions that read back as the same, and can
/// decide. A line `=====` begins the next file of the set.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    guard let text = String(validating: bytes, as: UTF8.self) else {
        let sink = DiagnosticSink()
        precondition(Document.parse(bytes, file: "f", into: sink) == nil)
        precondition(sink.list.hasErrors, "refused without a reason")
        return 0
    }
    let texts = text.split(separator: "\n=====\n", omittingEmptySubsequences: false).prefix(3)
    let files = texts.enumerated().map { (name: "\($0).yaml", text: String($1)) }
    guard let first = compile(files, previous: nil) else { return 0 }
    guard let again = compile(files.reversed(), previous: first.snapshot) else {
        fatalError("refused the second time")
    }
    precondition(again.snapshot.revision == first.snapshot.revision, "two revisions of one set")
    precondition(again.warnings == first.warnings, "warned of once only")
    let diff = again.diff
    precondition(diff.isUnchanged && diff.details.isEmpty, "changed by itself")
    precondition(
        (diff.added + diff.changed + diff.removed + diff.renamed + diff.restarted).isEmpty,
        "changed by itself")
    for rule in first.snapshot.model.permissions {
        if let when = rule.when { readBack(when) }
    }
    decide(again.snapshot)
    return 0
}

private let catalog = ActionCatalog(commands: ["echo", "message.send", "http.media"])
private let head = "apiVersion: sluice/v1\nkind: PolicySet\n"

private func compile(
    _ files: [(name: String, text: String)], previous: PolicySnapshot?
) -> PolicyCompilation? {
    do throws(DiagnosticList) {
        return try PolicyCompiler.compile(files: files, catalog: catalog, previous: previous)
    } catch {
        precondition(error.hasErrors, "refused without a reason")
        for diagnostic in error.diagnostics {
            let place = diagnostic.position
            precondition(place.line >= 1 && place.column >= 1, "no place: \(diagnostic.text)")
            precondition(!diagnostic.message.isEmpty)
        }
        return nil
    }
}

/// The text of a condition is a condition, and the same.
private func readBack(_ condition: Condition) {
    let text =
        head + "permissions: {rules: [{name: p, effect: permit, action: [echo], "
        + "when: \(condition.text)}]}\n"
    let read = compile([(name: "0.yaml", text: text)], previous: nil)?.snapshot.model
    precondition(read?.permissions.first?.when == condition, "reads back otherwise: \(text)")
}

/// A few calls, far apart in time: they end, hold no place afterwards, and explain themselves.
private func decide(_ snapshot: PolicySnapshot) {
    let evaluator = PolicyEvaluator(
        snapshot: snapshot,
        meters: PolicyMeters(
            permission: { _, _ in Counter() }, limit: { _, _ in Counter() },
            ban: { _ in Counter() }))
    let principal = Principal(
        user: "alice", roles: ["member"],
        claims: ["plan": .string("pro"), "level": .integer(5), "tags": .array([.string("a")])],
        expiresAtSeconds: nil, tokenID: nil)
    let subject = PolicySubject(
        address: [10, 0, 0, 1], principal: principal,
        device: Device(id: "d", platform: "ios", app: "a"))
    for (index, name) in catalog.names.enumerated() {
        guard let action = catalog.action(named: name) else { continue }
        let seconds = Int64(1) << Int64(index * 3)
        let call = PolicyCall(
            action: action, bytes: 1 << (index * 2), transport: .http,
            wall: WallTime(microseconds: seconds * 1_000_000), topic: "room.1", loginUser: "bob",
            method: "GET", headers: snapshot.headerNames.map { _ in "x" })
        let now = MonotonicTime(nanoseconds: seconds * 1_000_000_000)
        _ = evaluator.explain(call, for: subject, now: now)
        switch evaluator.decide(call, for: subject, now: now) {
        case .go(let permit), .wait(let permit, _): evaluator.release(permit.lease)
        case .pause, .refuse, .drop, .close: break
        }
    }
    precondition(evaluator.heldLeases == 0, "a place is held for ever")
}
