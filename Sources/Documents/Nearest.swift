/// The candidate a person most likely meant by `word`, or nil when none is close.
///
/// Distance counts insertions, deletions, replacements and swaps of neighbours; about one in three
/// letters may differ. Among equals the first candidate wins.
package func nearest(to word: String, among candidates: [String]) -> String? {
    let folded = Array(word.lowercased().replacing("-", with: "_").unicodeScalars.prefix(64))
    guard !folded.isEmpty else { return nil }
    var best: (distance: Int, candidate: String)?
    for candidate in candidates {
        let other = Array(
            candidate.lowercased().replacing("-", with: "_").unicodeScalars.prefix(64))
        let allowed = max(1, max(folded.count, other.count) / 3)
        guard abs(folded.count - other.count) <= allowed else { continue }
        let distance = editDistance(folded, other)
        if distance <= allowed, distance < best?.distance ?? .max { best = (distance, candidate) }
    }
    return best?.candidate
}

/// A hint that names the nearest candidate, or lists all when they are few.
package func suggestion(for word: String, among candidates: [String]) -> String? {
    if let near = nearest(to: word, among: candidates) { return "did you mean `\(near)`?" }
    guard !candidates.isEmpty, candidates.count <= 20 else { return nil }
    return "known: " + candidates.map { "`\($0)`" }.joined(separator: ", ")
}

/// Optimal string alignment: Levenshtein plus swaps of neighbours.
private func editDistance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
    var beforeLast = [Int](repeating: 0, count: right.count + 1)
    var last = Array(0...right.count)
    for row in left.indices {
        var current = [row + 1]
        for column in right.indices {
            let replace = last[column] + (left[row] == right[column] ? 0 : 1)
            var cost = min(replace, min(last[column + 1], current[column]) + 1)
            if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                cost = min(cost, beforeLast[column - 1] + 1)
            }
            current.append(cost)
        }
        beforeLast = last
        last = current
    }
    return last[right.count]
}
