/// Rows in aligned columns.
struct TextTable {
    private let header: [String]
    /// Columns of numbers, which end at the same place.
    private let numeric: Set<Int>
    private var rows: [[String]] = []

    init(_ header: [String], numeric: Set<Int> = []) {
        self.header = header
        self.numeric = numeric
    }

    /// Adds a row; it has as many cells as the header.
    mutating func add(_ cells: [String]) { rows.append(cells) }

    var isEmpty: Bool { rows.isEmpty }

    /// Lines without trailing blanks; on a terminal a line under the header.
    func lines(isTerminal: Bool) -> [String] {
        let widths = header.indices.map { column in
            ([header] + rows).map { $0[column].count }.max() ?? 0
        }
        var lines = [line(header, widths)]
        if isTerminal {
            lines.append(widths.map { String(repeating: "─", count: $0) }.joined(separator: "  "))
        }
        return lines + rows.map { line($0, widths) }
    }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
        let padded = cells.indices.map { column in
            let blanks = String(repeating: " ", count: widths[column] - cells[column].count)
            return numeric.contains(column) ? blanks + cells[column] : cells[column] + blanks
        }
        let whole = padded.joined(separator: "  ")
        return String(whole.dropLast(whole.reversed().prefix { $0 == " " }.count))
    }
}
