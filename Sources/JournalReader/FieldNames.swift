/// The fields somebody wants of every entry, found by the bytes of their names.
package struct FieldNames: Sendable {
    package let names: [String]
    /// By length in bytes: places of the names that long.
    private let byLength: [[Candidate]]

    private struct Candidate: Sendable {
        let index: Int
        let bytes: [UInt8]
    }

    /// journald allows no longer name.
    static let longest = 64
    /// What journald itself says of an entry in its exports, always wanted.
    static let realtime = "__REALTIME_TIMESTAMP"
    static let monotonic = "__MONOTONIC_TIMESTAMP"

    package init(_ names: [String]) {
        self.names = names + [Self.realtime, Self.monotonic]
        var byLength: [[Candidate]] = Array(repeating: [], count: Self.longest + 1)
        for (index, name) in self.names.enumerated() where name.utf8.count <= Self.longest {
            byLength[name.utf8.count].append(Candidate(index: index, bytes: Array(name.utf8)))
        }
        self.byLength = byLength
    }

    /// Place of the two fields of journald.
    var realtimeIndex: Int { names.count - 2 }
    var monotonicIndex: Int { names.count - 1 }

    /// The place of a name among `names`; nil = nobody wants it.
    @inline(__always)
    func index(of name: Span<UInt8>) -> Int? {
        guard name.count <= Self.longest else { return nil }
        for candidate in byLength[name.count] where Self.equals(candidate.bytes, name) {
            return candidate.index
        }
        return nil
    }

    /// From the end on: the names differ there, and begin alike.
    @inline(__always)
    private static func equals(_ left: [UInt8], _ right: Span<UInt8>) -> Bool {
        var place = left.count
        while place > 0 {
            place -= 1
            if left[place] != right[place] { return false }
        }
        return true
    }
}

extension Span<UInt8> {
    /// Where a byte first stands; `count` when nowhere.
    @inline(__always)
    func first(_ byte: UInt8, from start: Int = 0) -> Int {
        var place = start
        while place < count, self[place] != byte { place += 1 }
        return place
    }

    /// The bytes as text; nil when they are not UTF-8.
    @inline(__always)
    var text: String? {
        do {
            return String(copying: try UTF8Span(validating: self))
        } catch {
            return nil
        }
    }
}
