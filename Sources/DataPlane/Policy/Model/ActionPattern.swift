package import SluiceVocabulary

/// An action's name in a policy; `*` stands for any characters, dots too.
package struct ActionPattern: Sendable, Hashable {
    package let text: String

    package init(_ text: String) { self.text = text }

    /// True when it names exactly one action.
    package var isLiteral: Bool { !text.utf8.contains(UInt8(ascii: "*")) }

    /// Whether `name` fits. Linear in the length of both but for the backtracking over one star.
    package func matches(_ name: String) -> Bool {
        if isLiteral { return name == text }
        let pattern = Array(text.utf8)
        let subject = Array(name.utf8)
        var place = 0
        var next = 0
        var star = -1
        var resume = 0
        while next < subject.count {
            if place < pattern.count, pattern[place] == UInt8(ascii: "*") {
                star = place
                resume = next
                place += 1
            } else if place < pattern.count, pattern[place] == subject[next] {
                place += 1
                next += 1
            } else if star >= 0 {
                resume += 1
                next = resume
                place = star + 1
            } else {
                return false
            }
        }
        return pattern[place...].allSatisfy { $0 == UInt8(ascii: "*") }
    }

    /// Indexes of all actions of `catalog` that fit, ascending.
    package func indexes(in catalog: ActionCatalog) -> [Int] {
        if isLiteral { return catalog.action(named: text).map { [$0.index] } ?? [] }
        return catalog.names.indices.filter { matches(catalog.names[$0]) }
    }
}
