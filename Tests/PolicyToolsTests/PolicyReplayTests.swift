import Foundation
import SluiceDocuments
import SluiceJournalReader
import SluicePolicyTools
import SluiceVocabulary
import Testing

/// A journal as a file of JSON lines, written request by request.
struct PastJournal {
    private(set) var lines: [String] = []
    private var number = 0
    /// Microseconds since 1970 at which it begins.
    static let start: Int64 = 1_700_000_000_000_000

    /// The gateway starts.
    mutating func start(at seconds: Double = 0, process: Int = 7) {
        add(
            seconds, process,
            ["MESSAGE_ID": "d620427bbfe44949ad605dde70c562b1", "SLUICE_EVENT": "gateway"])
    }

    /// A request of alice's, with what is said otherwise.
    @discardableResult
    mutating func request(
        at seconds: Double, refusedBy rule: String? = nil, process: Int = 7,
        _ changes: [String: String] = [:]
    ) -> String {
        number += 1
        let id = "0000000000000001-\(number)"
        var fields = [
            "SLUICE_EVENT": "request", "SLUICE_REQUEST_ID": id,
            "SLUICE_CONNECTION_ID": "0000000000000001", "SLUICE_TRANSPORT": "websocket",
            "SLUICE_ACTION": "message.send", "SLUICE_USER": "alice", "SLUICE_CLIENT": "192.0.2.1",
            "SLUICE_OUTCOME": "ok", "SLUICE_WEIGHT": "1", "SLUICE_PAYLOAD_BYTES": "10",
            "SLUICE_POLICY": "a", "SLUICE_CLAIMS": "{\"roles\":[\"member\"],\"plan\":\"free\"}",
        ]
        if let rule {
            fields["SLUICE_OUTCOME"] = "refused"
            fields["SLUICE_REFUSAL"] = "rate_limited"
            fields["SLUICE_RULE"] = rule
        }
        add(seconds, process, fields.merging(changes) { $1 })
        return changes["SLUICE_REQUEST_ID"] ?? id
    }

    mutating func add(_ seconds: Double, _ process: Int, _ fields: [String: String]) {
        let time = Self.start + Int64(seconds * 1_000_000)
        var all = fields
        all["SLUICE_TIME_US"] = "\(time)"
        all["__REALTIME_TIMESTAMP"] = "\(time + 5)"
        all["__MONOTONIC_TIMESTAMP"] = "\(time + 5 - Self.start + 1_000_000)"
        all["_PID"] = "\(process)"
        let members = all.sorted { $0.key < $1.key }.map { name, value in
            "\"\(name)\":\"\(value.replacing("\"", with: "\\\""))\""
        }
        lines.append("{\(members.joined(separator: ","))}")
    }

    /// A line as it stands.
    mutating func raw(_ line: String) { lines.append(line) }

    /// As `journalctl -o export` would print it.
    var export: String {
        lines.map { line in
            let pairs = line.dropFirst(2).dropLast(2).split(separator: "\",\"")
            return pairs.map { pair in
                pair.replacing("\":\"", with: "=").replacing("\\\"", with: "\"")
            }.joined(separator: "\n") + "\n\n"
        }.joined()
    }
}

@Suite("sluice policy replay")
struct PolicyReplayTests {
    private func replay(
        _ journal: PastJournal, _ candidate: String = chat, export: Bool = false,
        warmUp: String? = nil, since: String? = nil
    ) throws -> JSONObject {
        let text = export ? journal.export : journal.lines.joined(separator: "\n") + "\n"
        let folder = try PolicyFolder(["candidate/chat.yaml": candidate, "journal": text])
        let result = try PolicyReplayTool(
            candidate: folder.path + "/candidate", baseline: nil,
            span: .init(source: .files([folder.path + "/journal"]), since: since, warmUp: warmUp),
            examples: 5, tellsByExitCode: true, style: OutputStyle(isJSON: true)
        ).run(catalog: catalog, now: WallTime(microseconds: PastJournal.start), progress: { _ in })
        #expect(result.complaints == [])
        return try JSONObject(result.output)
    }

    private func flips(_ result: JSONObject) throws -> [String] {
        guard case .list(let items)? = result["flips"] else { return [] }
        return items.compactMap {
            guard case .mapping(let entries) = $0.kind else { return nil }
            let request = entries.first { $0.key == "request" }?.value.text
            let refused = entries.contains { $0.key == "refused_by_candidate" }
            return (refused ? "refuse " : "permit ") + (request ?? "")
        }
    }

    private static let smaller = chat.replacing("burst: 10", with: "burst: 2")
    /// A token takes half an hour to come back.
    private static let slower = smaller.replacing("per: 60s", with: "per: 30h")

    /// Ten sends at one second that pass, since the bucket holds ten.
    private func burst() -> (journal: PastJournal, ids: [String]) {
        var journal = PastJournal()
        journal.start()
        let ids = (0..<10).map { journal.request(at: 1 + Double($0) / 1_000) }
        return (journal, ids)
    }

    @Test("the policy in force flips nothing; a smaller burst refuses the rest, by one rule")
    func smallerBurst() throws {
        let (journal, ids) = burst()
        #expect(try flips(replay(journal)) == [])
        let result = try replay(journal, Self.smaller)
        #expect(try flips(result) == ids.dropFirst(2).map { "refuse " + $0 })
        #expect(result["would_refuse", 0, "rule"] == .string("send-per-user"))
        #expect(result["judged", "flipped_users"] == .integer(1))
    }

    @Test("what was refused then was not charged, and is charged where it would pass")
    func refusedThen() throws {
        var journal = PastJournal()
        journal.start()
        let first = journal.request(at: 1, refusedBy: "send-per-user")
        let second = journal.request(at: 1.1, refusedBy: "send-per-user")
        let third = journal.request(at: 1.2, refusedBy: "send-per-user")
        #expect(
            try flips(replay(journal, Self.smaller)) == ["permit " + first, "permit " + second])
        #expect(try !flips(replay(journal, Self.smaller)).contains("permit " + third))
    }

    @Test("entries are put into the order of their decisions, however they were written")
    func order() throws {
        var journal = PastJournal()
        journal.start()
        let late = journal.request(at: 1.2)
        let early = journal.request(at: 1.0)
        let middle = journal.request(at: 1.1)
        #expect(try flips(replay(journal, Self.smaller)) == ["refuse " + late])
        _ = (early, middle)
    }

    @Test("without the gateway's start nothing is judged before the longest limit has forgotten")
    func warmUp() throws {
        var journal = PastJournal()
        for second in 0..<30 { journal.request(at: Double(second)) }
        let result = try replay(journal)
        // Ten tokens at one a second: 10 s; plan pro: 100 at ten a second.
        #expect(result["judged", "warm_up_requests"] == .integer(10))
        #expect(result["judged", "requests"] == .integer(20))
        #expect(try replay(journal, warmUp: "0s")["judged", "requests"] == .integer(30))
    }

    @Test("what was served in the moment before the gateway said so counts, and was charged")
    func early() throws {
        var journal = PastJournal()
        journal.request(at: 0.9)
        journal.start(at: 1)
        let ids = (0..<2).map { _ in journal.request(at: 1) }
        let result = try replay(journal, Self.smaller)
        #expect(result["judged", "requests"] == .integer(3))
        #expect(try flips(result) == ["refuse " + ids[1]])
    }

    @Test("a start long after the first entry is a restart: the buckets are full again")
    func lateStart() throws {
        var journal = PastJournal()
        for _ in 0..<2 { journal.request(at: 1) }
        journal.start(at: 11.1)
        for _ in 0..<2 { journal.request(at: 11.2) }
        let result = try replay(journal, Self.slower)
        #expect(result["judged", "requests"] == .integer(2), "those before are the warm-up")
        #expect(try flips(result) == [])
    }

    @Test("each process of the gateway has buckets of its own")
    func processes() throws {
        var journal = PastJournal()
        journal.start(process: 7)
        journal.start(process: 8)
        for number in 0..<4 { journal.request(at: 1, process: 7 + number % 2) }
        #expect(try flips(replay(journal, Self.smaller)) == [])
        journal.start(at: 1.5, process: 7)
        journal.request(at: 2, process: 7)
        journal.request(at: 2, process: 7)
        #expect(try flips(replay(journal, Self.smaller)) == [], "a start empties the buckets")
    }

    @Test("an entry that stands for several counts as several, and makes the result an estimate")
    func weights() throws {
        var journal = PastJournal()
        journal.start()
        journal.request(at: 1, ["SLUICE_WEIGHT": "40", "SLUICE_CLAIMS": "{\"roles\":[\"guest\"]}"])
        let result = try replay(journal)
        #expect(result["judged", "flipped_requests"] == .integer(40))
        #expect(result["judged", "flipped_entries"] == .integer(1))
        #expect(result["judged", "estimate"] == .boolean(true))
        #expect(result["would_refuse", 0, "rule"] == .string("default"))
    }

    @Test("only what the policy decided is judged, and errors of services are no refusals")
    func decisions() throws {
        var journal = PastJournal()
        journal.start()
        journal.request(at: 1, ["SLUICE_OUTCOME": "error", "SLUICE_REFUSAL": "timed_out"])
        journal.request(at: 1, ["SLUICE_OUTCOME": "refused", "SLUICE_REFUSAL": "bad_request"])
        journal.request(at: 1, ["SLUICE_OUTCOME": "refused", "SLUICE_REFUSAL": "too_large"])
        journal.request(at: 1, ["SLUICE_EVENT": "push"])
        journal.request(at: 1, ["SLUICE_ACTION": "no.such"])
        let result = try replay(journal)
        #expect(result["judged", "requests"] == .integer(1))
        #expect(result["journal", "excluded", "before_policy"] == .integer(2))
        #expect(result["journal", "excluded", "pushes"] == .integer(1))
        #expect(result["journal", "excluded", "unknown_action"] == .integer(1))
        #expect(try flips(result) == [])
    }

    @Test("a limit keyed by what no entry holds is named, and its refusals are not judged")
    func gaps() throws {
        var journal = PastJournal()
        journal.start()
        journal.request(at: 1, refusedBy: "by-app", ["SLUICE_ACTION": "friend.list"])
        let limit = """
            rate_limits:
              - name: by-app
                match: {action: [friend.list]}
                key: [program]
                algorithm: token_bucket
                limit: 1
                per: 60s

            """
        let result = try replay(
            journal,
            chat.replacing("rate_limits:\n", with: limit).replacing(
                "descriptors: {", with: "descriptors: {program: http.header.x-app, "))
        #expect(result["not_known", 0, "id"] == .string("rule_not_replayed"))
        #expect(result["journal", "excluded", "unknown_facts"] == .integer(1))
        #expect(result["judged", "requests"] == .integer(0))
    }

    @Test("broken entries are counted and passed over")
    func broken() throws {
        var (journal, ids) = burst()
        journal.raw("{\"SLUICE_EVENT\":\"request\"}")
        journal.raw("not JSON")
        journal.raw("{\"SLUICE_EVENT\":\"request\",\"SLUICE_TIME_US\":\"soon\"}")
        let result = try replay(journal, Self.smaller)
        #expect(result["journal", "unreadable"] == .integer(3))
        #expect(try flips(result) == ids.dropFirst(2).map { "refuse " + $0 })
    }

    @Test("what a gateway says before its first line of JSON does not hide the rest")
    func preface() throws {
        var journal = PastJournal()
        journal.raw("policies/chat.yaml:8:3: warning: descriptor `room` is not used")
        journal.start()
        let ids = (0..<3).map { journal.request(at: 1 + Double($0) / 1_000) }
        #expect(try flips(replay(journal, Self.smaller)) == ["refuse " + ids[2]])
    }

    @Test("an export gives the same as JSON lines")
    func export() throws {
        let (journal, ids) = burst()
        let result = try replay(journal, Self.smaller, export: true)
        #expect(try flips(result) == ids.dropFirst(2).map { "refuse " + $0 })
    }

    @Test("a request of the past is explained with the buckets as they were")
    func explain() throws {
        let (journal, ids) = burst()
        let folder = try PolicyFolder([
            "policies/chat.yaml": Self.smaller, "journal": journal.lines.joined(separator: "\n"),
        ])
        let result = try PolicyExplainEntryTool(
            directory: folder.path + "/policies", was: nil, requestID: ids[4],
            source: .files([folder.path + "/journal"]), style: OutputStyle()
        ).run(catalog: catalog)
        #expect(result.exitCode == 0)
        #expect(result.output.contains("then: passed"))
        #expect(result.output.contains("used 2 of 2"))
        #expect(result.output.contains("verdict: refused, rate_limited (429) by send-per-user"))
        #expect(result.output.contains("charged before it: 4 requests"))
    }
}
