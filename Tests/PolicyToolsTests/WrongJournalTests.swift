import Foundation
import SluiceJournalReader
import SluicePolicyTools
import SluiceVocabulary
import Testing

@Suite("Files that are no journal")
struct WrongJournalTests {
    /// What a file holds, and what is said of it.
    static let wrong: [(bytes: [UInt8], why: String)] = [
        (Array("dear diary\nnothing happened today\n".utf8), "there is no journal entry in it"),
        (Array(chat.utf8), "there is no journal entry in it"),
        (Array("PATH=/usr/bin\nHOME=/root\n".utf8), "there is no journal entry in it"),
        (Array("{\"name\":\"sluice\"}\n{\"name\":\"other\"}\n".utf8), "no journal entry"),
        (Array("{\n  \"pretty\": \"printed\"\n}\n".utf8), "there is no journal entry in it"),
        (Array("{\"SLUICE_EVENT\":\"request\",".utf8), "there is no journal entry in it"),
        ([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 0x0D], "it is no journal"),
        ([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 0x4B, 0x4A], "it is packed by gzip"),
        ([0x28, 0xB5, 0x2F, 0xFD, 4, 0, 1, 0, 0], "it is packed by zstd"),
        ([], "it is empty"),
    ]

    private func replay(_ paths: [String], _ folder: PolicyFolder) throws -> ToolResult {
        try PolicyReplayTool(
            candidate: folder.path + "/policies", baseline: nil,
            span: .init(source: .files(paths)), examples: 5, tellsByExitCode: false,
            style: OutputStyle()
        ).run(catalog: catalog, now: WallTime(microseconds: PastJournal.start), progress: { _ in })
    }

    private func explain(_ path: String, _ folder: PolicyFolder) throws -> ToolResult {
        try PolicyExplainEntryTool(
            directory: folder.path + "/policies", was: nil, requestID: "0000000000000001-1",
            source: .files([path]), style: OutputStyle()
        ).run(catalog: catalog)
    }

    @Test("are an error with the file's name, by replay and by explain", arguments: wrong)
    func wrongFile(_ bytes: [UInt8], _ why: String) throws {
        let folder = try PolicyFolder(["policies/chat.yaml": chat])
        let path = folder.path + "/what"
        try Data(bytes).write(to: URL(filePath: path))
        for result in [try replay([path], folder), try explain(path, folder)] {
            #expect(result.exitCode == 1)
            #expect(result.output == "")
            let complaint = try #require(result.complaints.first)
            #expect(complaint.contains("cannot read \(path): "))
            #expect(complaint.contains(why))
            #expect(complaint.contains("journalctl -o export") || complaint.contains("unpack it"))
        }
    }

    @Test("a directory is named by another option")
    func directory() throws {
        let folder = try PolicyFolder(["policies/chat.yaml": chat])
        for result in [try replay([folder.path], folder), try explain(folder.path, folder)] {
            #expect(result.exitCode == 1)
            #expect(result.complaints.first?.contains("it is a directory; --directory") == true)
        }
    }

    @Test("one wrong file among right ones is named")
    func among() throws {
        var journal = PastJournal()
        journal.start()
        journal.request(at: 1)
        let folder = try PolicyFolder([
            "policies/chat.yaml": chat, "right": journal.lines.joined(separator: "\n"),
            "wrong": "not this one\n",
        ])
        let result = try replay([folder.path + "/right", folder.path + "/wrong"], folder)
        #expect(result.exitCode == 1)
        #expect(result.complaints.first?.contains("cannot read \(folder.path)/wrong: ") == true)
    }

    @Test(
        "what holds no entry of the gateway is no error, and says so",
        arguments: [
            "-- No entries --\n",
            "__REALTIME_TIMESTAMP=1700000000000000\nSYSLOG_IDENTIFIER=cron\nMESSAGE=hi\n\n",
            "{\"__REALTIME_TIMESTAMP\":\"1700000000000000\",\"SYSLOG_IDENTIFIER\":\"cron\"}\n",
        ])
    func nothing(_ text: String) throws {
        let folder = try PolicyFolder(["policies/chat.yaml": chat, "journal": text])
        let result = try replay([folder.path + "/journal"], folder)
        #expect(result.exitCode == 0)
        #expect(result.complaints == [])
        #expect(result.output.contains("nothing was judged: "))
        #expect(!result.output.contains("could not be read"))
        let explained = try explain(folder.path + "/journal", folder)
        #expect(explained.exitCode == 1)
        #expect(explained.complaints.first?.contains("has no request") == true)
    }

    @Test("one entry is one entry")
    func plural() throws {
        var journal = PastJournal()
        journal.start()
        journal.request(at: 1)
        journal.raw("no entry")
        let folder = try PolicyFolder([
            "policies/chat.yaml": chat, "journal": journal.lines.joined(separator: "\n"),
        ])
        let text = try replay([folder.path + "/journal"], folder).output
        #expect(text.contains("\n  1 entry could not be read"))
        #expect(text.contains("judged: 1 request of 1 user, "))
    }
}
