import SluicePolicy
import SluiceVocabulary

/// Finds the actions that patterns mean, each pattern once. A pattern costs what it matches, not
/// what the catalog holds, so that thousands of both can be checked.
final class ActionFinder {
    private let catalog: ActionCatalog
    /// Names and their indexes, sorted by bytes: those with one beginning stand together.
    private let sorted: [(name: [UInt8], index: Int)]
    private var found: [ActionPattern: [Int]] = [:]
    /// `message.*` for every first word of an action: what hints choose from.
    private(set) lazy var families = Set(
        catalog.names.map { $0.prefix { $0 != "." } + ".*" }.map(String.init)
    ).sorted()

    init(_ catalog: ActionCatalog) {
        self.catalog = catalog
        sorted = catalog.names.enumerated().map { (Array($1.utf8), $0) }
            .sorted { $0.0.lexicographicallyPrecedes($1.0) }
    }

    /// Indexes of all actions that fit, ascending.
    func indexes(_ pattern: ActionPattern) -> [Int] {
        if let known = found[pattern] { return known }
        let indexes = pattern.isLiteral ? pattern.indexes(in: catalog) : search(pattern)
        found[pattern] = indexes
        return indexes
    }

    /// Indexes of all actions that one of the patterns fits.
    func indexes(_ patterns: [ActionPattern]) -> Set<Int> {
        patterns.count == 1
            ? Set(indexes(patterns[0])) : patterns.reduce(into: []) { $0.formUnion(indexes($1)) }
    }

    private func search(_ pattern: ActionPattern) -> [Int] {
        let beginning = Array(pattern.text.utf8.prefix { $0 != UInt8(ascii: "*") })
        var low = 0
        var high = sorted.count
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle].name.lexicographicallyPrecedes(beginning) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return sorted[low...].prefix { $0.name.starts(with: beginning) }
            .map(\.index).filter { pattern.matches(catalog.names[$0]) }.sorted()
    }
}

@available(*, unavailable)
extension ActionFinder: Sendable {}
