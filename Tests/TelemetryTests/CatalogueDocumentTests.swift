import Foundation
import SluiceTelemetry
import Testing

/// `SLUICE_TEST_WRITE_DOCUMENTS=1` writes the table of metrics instead of comparing it.
@Suite("docs/observability.md", .serialized)
struct CatalogueDocumentTests {
    private static let url = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../docs/observability.md")

    @Test("the table of metrics says what the catalogue says")
    func metrics() throws {
        let head = ["Metric", "Type", "Labels", "Meaning"]
        let rows = MetricFamily.catalogue.map { family in
            [
                "`\(family.name)`", family.kind.rawValue,
                family.labels.map { "`\($0)`" }.joined(separator: ", "), family.help,
            ]
        }
        let table = ([head, head.map { _ in "---" }] + rows)
            .map { "| " + $0.joined(separator: " | ") + " |" }.joined(separator: "\n")
        var text = try String(contentsOf: Self.url, encoding: .utf8)
        let between = try range(of: "metrics", in: text)
        if ProcessInfo.processInfo.environment["SLUICE_TEST_WRITE_DOCUMENTS"] != nil {
            text.replaceSubrange(between, with: table)
            try text.write(to: Self.url, atomically: true, encoding: .utf8)
        } else {
            #expect(text[between] == table, "the table must read:\n\(table)")
        }
    }

    @Test("the table of journal fields names every field there is, in order, and explains it")
    func fields() throws {
        let rows = try rows(of: "fields")
        #expect(rows.map(\.name) == JournalField.allCases.map(\.rawValue))
        for row in rows { #expect(!row.meaning.isEmpty, "\(row.name)") }
    }

    @Test("the table of message ids names every one")
    func messageIDs() throws {
        let rows = try rows(of: "message-ids")
        #expect(rows.map(\.name) == MessageID.all)
        for row in rows { #expect(!row.meaning.isEmpty, "\(row.name)") }
    }

    private func range(of name: String, in text: String) throws -> Range<String.Index> {
        let start = try #require(text.range(of: "<!-- \(name) -->\n"))
        let end = try #require(text.range(of: "\n<!-- /\(name) -->"))
        return start.upperBound..<end.lowerBound
    }

    /// First and second cell of every row below the head.
    private func rows(of name: String) throws -> [(name: String, meaning: String)] {
        let text = try String(contentsOf: Self.url, encoding: .utf8)
        return text[try range(of: name, in: text)].split(separator: "\n").dropFirst(2).map { line in
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            return (cells[0].replacing("`", with: ""), cells.count > 1 ? cells[1] : "")
        }
    }
}
