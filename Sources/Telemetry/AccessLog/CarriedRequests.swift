import SluiceVocabulary

/// Requests of one loop that no entry stands for yet, by action and class.
///
/// What an entry takes from here is its weight, so weights written plus what is here are all
/// requests, for each action and class. Counts are kept by name over a change of the catalog.
struct CarriedRequests {
    /// What one action has, by class.
    typealias Counts = [3 of UInt64]

    /// Some requests that were taken out, to be told by one entry.
    struct Rest {
        var action: String
        var logClass: LogClass
        var count: UInt64
        /// Where they came from; nil when the catalog has no such action any more.
        var cell: Int?
    }

    private(set) var catalog: ActionCatalog
    private var actionCount: Int
    /// By cell: three for each action.
    private var counts: [UInt64]
    private var marks: [Mark]
    /// Of actions that have left the catalog.
    private var orphans: [String: Counts] = [:]
    /// The cell at which the next look begins, so that each has its turn.
    private var firstCell = 0

    private static let classes = LogClass.allCases.count

    init(catalog: ActionCatalog) {
        self.catalog = catalog
        actionCount = catalog.count
        counts = Array(repeating: 0, count: catalog.count * Self.classes)
        marks = Array(repeating: Mark(), count: counts.count)
    }

    /// Where requests of an action and class are counted. A request that outlived its action, over
    /// a reload, counts as `unknown`.
    @inline(__always)
    func cell(_ action: ActionID, _ logClass: LogClass) -> Int {
        let index = action.index < actionCount ? action.index : ActionID.unknown.index
        return index &* Self.classes &+ Int(logClass.rawValue)
    }

    @inline(__always)
    mutating func add(_ amount: UInt64, to cell: Int) { counts[cell] &+= amount }

    /// Takes out what an entry can stand for.
    mutating func take(_ cell: Int) -> UInt32 {
        let weight = UInt32(clamping: counts[cell])
        counts[cell] &-= UInt64(weight)
        return weight
    }

    /// Requests of an action and class, whether the catalog knows it or not.
    func count(_ action: String, _ logClass: LogClass) -> UInt64 {
        let index = Int(logClass.rawValue)
        let known = catalog.action(named: action).map { counts[cell($0, logClass)] } ?? 0
        return known + (orphans[action]?[index] ?? 0)
    }

    /// Requests of a class, of all actions.
    func count(_ logClass: LogClass) -> UInt64 {
        let index = Int(logClass.rawValue)
        let known = stride(from: index, to: counts.count, by: Self.classes).reduce(0) {
            $0 + counts[$1]
        }
        return orphans.values.reduce(known) { $0 + $1[index] }
    }

    /// Counts by another catalog from now on. Actions keep what they have by their name.
    mutating func adopt(_ new: ActionCatalog) {
        guard new.names != catalog.names else { return }
        var next = Self(catalog: new)
        next.orphans = orphans
        for (index, name) in catalog.names.enumerated() {
            let action = new.action(named: name)
            for logClass in LogClass.allCases {
                let old = cell(ActionID(index: index), logClass)
                if let cell = action.map({ next.cell($0, logClass) }) {
                    next.counts[cell] = counts[old]
                    next.marks[cell] = marks[old]
                } else if counts[old] > 0 {
                    next.orphan(name, logClass, counts[old])
                }
            }
        }
        for (name, found) in orphans {
            guard let action = new.action(named: name) else { continue }
            next.orphans[name] = nil
            for logClass in LogClass.allCases {
                next.add(found[Int(logClass.rawValue)], to: next.cell(action, logClass))
            }
        }
        self = next
    }

    private mutating func orphan(_ name: String, _ logClass: LogClass, _ count: UInt64) {
        orphans[name, default: [0, 0, 0]][Int(logClass.rawValue)] &+= count
    }
}

/// What is told without waiting for the next request.
extension CarriedRequests {
    /// Looks and pauses are counted in calls of `look`, one a second.
    private struct Mark {
        /// A cell is told of at most once in so many looks, and at the latest after so many without
        /// an entry: an action that is hardly sampled would fill the journal with rests.
        static let pauseLooks: UInt8 = 60

        private var previous: UInt64 = 0
        private var age: UInt8 = 0
        private var pause: UInt8 = 0

        /// Takes note of what a cell has; true when it should be told now.
        mutating func look(_ count: UInt64) -> Bool {
            if pause > 0 { pause -= 1 }
            // Less than before: an entry took it in between.
            age = count == 0 || count < previous ? 0 : min(age + 1, Self.pauseLooks)
            // Traffic carries its own weights, unless no entry comes for long.
            let isStill = count == previous || age == Self.pauseLooks
            previous = count
            return count > 0 && isStill && pause == 0
        }

        mutating func told() {
            self = Mark()
            pause = Self.pauseLooks
        }
    }

    /// Takes out what has stood still since the last look, and what its action's end left behind.
    ///
    /// - Parameter most: so many at most; the others have their turn next time.
    mutating func look(atMost most: Int) -> [Rest] {
        var found = takeOrphans(atMost: most)
        let start = firstCell < counts.count ? firstCell : 0
        for offset in counts.indices {
            let cell = (start + offset) % counts.count
            guard marks[cell].look(counts[cell]), found.count < most else { continue }
            found.append(rest(in: cell))
            marks[cell].told()
            firstCell = cell + 1
        }
        return found
    }

    /// Takes out everything.
    mutating func takeAll() -> [Rest] {
        var found = takeOrphans(atMost: .max)
        for cell in counts.indices {
            while counts[cell] > 0 { found.append(rest(in: cell)) }
        }
        return found
    }

    /// Takes back what could not be told.
    mutating func putBack(_ rest: Rest) {
        if let cell = rest.cell {
            add(rest.count, to: cell)
        } else {
            orphan(rest.action, rest.logClass, rest.count)
        }
    }

    private mutating func rest(in cell: Int) -> Rest {
        let action = catalog.name(of: ActionID(index: cell / Self.classes))
        return Rest(
            action: action, logClass: LogClass.allCases[cell % Self.classes],
            count: UInt64(take(cell)), cell: cell)
    }

    private mutating func takeOrphans(atMost most: Int) -> [Rest] {
        guard !orphans.isEmpty else { return [] }
        var found: [Rest] = []
        for (name, counts) in orphans {
            for logClass in LogClass.allCases where counts[Int(logClass.rawValue)] > 0 {
                guard found.count < most else { return found }
                let count = UInt64(UInt32(clamping: counts[Int(logClass.rawValue)]))
                orphans[name]?[Int(logClass.rawValue)] &-= count
                found.append(Rest(action: name, logClass: logClass, count: count, cell: nil))
            }
            if let left = orphans[name], left[0] | left[1] | left[2] == 0 { orphans[name] = nil }
        }
        return found
    }
}
