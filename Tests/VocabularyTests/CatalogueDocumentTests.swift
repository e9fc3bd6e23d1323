import Foundation
import SluiceVocabulary
import Testing

/// `SLUICE_TEST_WRITE_DOCUMENTS=1` writes the tables into the document instead of comparing them.
@Suite("docs/protocol.md", .serialized)
struct CatalogueDocumentTests {
    private let document = TableDocument(path: "docs/protocol.md")

    @Test("the table of refusals says what the catalogue says")
    func refusals() throws {
        let rows = RefusalKind.allCases.map { kind in
            let entry = kind.entry
            return [
                "`\(entry.name)`", "\(entry.status)", entry.source.rawValue,
                entry.temporary ? "yes" : "no", entry.message,
            ]
        }
        try document.expect(
            "refusals", head: ["Name", "Status", "Source", "Temporary", "Message"], rows: rows)
    }

    @Test("the table of close codes says what the catalogue says")
    func closeCodes() throws {
        let reasons = CloseReason.allCases.sorted {
            ($0.code, $0.rawValue) < ($1.code, $1.rawValue)
        }
        let rows = reasons.map { reason in
            [
                reason.code == 0 ? "none" : "\(reason.code)", "`\(reason.name)`", reason.text,
                comeBack(reason.code),
            ]
        }
        try document.expect(
            "close-codes", head: ["Code", "Reason", "Text", "Reconnect"], rows: rows)
    }

    @Test("every refusal and every close reason has a name of its own")
    func names() {
        #expect(Set(RefusalKind.allCases.map(\.name)).count == RefusalKind.allCases.count)
        #expect(Set(CloseReason.allCases.map(\.name)).count == CloseReason.allCases.count)
    }

    @Test("statuses of refusals stay below those of services")
    func statuses() {
        for kind in RefusalKind.allCases { #expect((1...999).contains(kind.status), "\(kind)") }
    }

    /// What a code asks of the client: 4000-4499 come back, 4500-4999 do not.
    private func comeBack(_ code: UInt16) -> String {
        switch code {
        case 0, 1000: "as you like"
        case 1011, 4000..<4500: "yes, with backoff"
        case 1002..<4000: "after correcting the client"
        default: "no"
        }
    }
}

/// A document with tables between `<!-- name -->` and `<!-- /name -->`.
private struct TableDocument {
    let url: URL

    init(path: String) {
        url = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../" + path)
    }

    func expect(_ name: String, head: [String], rows: [[String]]) throws {
        let table = ([head, head.map { _ in "---" }] + rows)
            .map { "| " + $0.joined(separator: " | ") + " |" }.joined(separator: "\n")
        var text = try String(contentsOf: url, encoding: .utf8)
        let start = try #require(text.range(of: "<!-- \(name) -->\n"))
        let end = try #require(text.range(of: "\n<!-- /\(name) -->"))
        let between = start.upperBound..<end.lowerBound
        if ProcessInfo.processInfo.environment["SLUICE_TEST_WRITE_DOCUMENTS"] != nil {
            text.replaceSubrange(between, with: table)
            try text.write(to: url, atomically: true, encoding: .utf8)
        } else {
            #expect(text[between] == table, "the table must read:\n\(table)")
        }
    }
}
