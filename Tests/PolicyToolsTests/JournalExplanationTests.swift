import SluiceDocuments
import SluiceJournalReader
import SluicePolicyTools
import Testing

@Suite("sluice policy explain --from-journal")
struct JournalExplanationTests {
    private static let doubt =
        "not known: the journal does not reach back as far as the limits remember"

    /// What is said of a request, under the policy of the tests: a bucket of ten.
    private func explain(_ request: String, in journal: PastJournal) throws -> String {
        let folder = try PolicyFolder([
            "policies/chat.yaml": chat, "journal": journal.lines.joined(separator: "\n"),
        ])
        let result = try PolicyExplainEntryTool(
            directory: folder.path + "/policies", was: nil, requestID: request,
            source: .files([folder.path + "/journal"]), style: OutputStyle()
        ).run(catalog: catalog)
        #expect(result.exitCode == 0)
        #expect(result.complaints == [])
        return result.output
    }

    @Test("what a gateway served before it said that it has started is charged")
    func startAfterTheFirstRequest() throws {
        var journal = PastJournal()
        journal.request(at: 0.7)
        journal.request(at: 0.8)
        journal.start(at: 1)
        journal.request(at: 1.1)
        let text = try explain(journal.request(at: 1.2), in: journal)
        #expect(text.contains("used 3 of 10"))
        #expect(text.contains("charged before it: 3 requests"))
        #expect(!text.contains("not known"))
    }

    @Test("a start that is told after the request is the start of what decided it")
    func startAfterTheRequest() throws {
        var journal = PastJournal()
        journal.request(at: 0.7)
        let request = journal.request(at: 0.8)
        journal.start(at: 1)
        journal.request(at: 1.1)
        let text = try explain(request, in: journal)
        #expect(text.contains("charged before it: 1 request\n") || text.hasSuffix("1 request"))
        #expect(!text.contains("not known"))
        var other = PastJournal()
        let first = other.request(at: 0.7)
        other.start(at: 1, process: 8)
        #expect(try explain(first, in: other).contains(Self.doubt), "that of another process")
    }

    @Test("a restart under the same process number empties the buckets")
    func restart() throws {
        var journal = PastJournal()
        journal.start()
        for second in 1...3 { journal.request(at: Double(second)) }
        journal.start(at: 4)
        journal.request(at: 4.5)
        let text = try explain(journal.request(at: 4.6), in: journal)
        #expect(text.contains("used 1 of 10"))
        #expect(text.contains("charged before it: 1 request\n") || text.hasSuffix("1 request"))
        #expect(!text.contains("not known"))
    }

    @Test("a start long after the first entry is a restart, for those before and for those after")
    func lateStart() throws {
        var journal = PastJournal()
        let before = journal.request(at: 0)
        for second in 1...5 { journal.request(at: Double(second)) }
        journal.start(at: 10.1)
        let after = journal.request(at: 10.2)
        #expect(try explain(before, in: journal).contains(Self.doubt))
        let text = try explain(after, in: journal)
        #expect(text.contains("used 0 of 10"))
        #expect(text.contains("charged before it: 0 requests"))
        #expect(!text.contains("not known"))
    }

    @Test("without a start nobody knows what was in the buckets")
    func noStart() throws {
        var journal = PastJournal()
        journal.request(at: 1)
        let text = try explain(journal.request(at: 2), in: journal)
        #expect(text.contains("charged before it: 1 request\n" + Self.doubt))
    }
}
