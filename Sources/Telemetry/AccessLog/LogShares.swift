package import SluiceVocabulary

/// Which share of the requests of each action and class is due for an entry. Immutable: made once,
/// off the loops, for all of them.
package struct LogShares: Sendable {
    /// The shares of one action, 0...1.
    package typealias Share = (ok: Double, refused: Double, error: Double)

    /// The actions it knows, which entries are counted by.
    package let catalog: ActionCatalog
    /// By action and class: of 2^32 equally likely draws the lower ones that make an entry due.
    let thresholds: [UInt64]
    /// False when every request is due, so that nobody looks at `thresholds`.
    let isSampling: Bool

    /// The threshold of the share 1: no draw is needed.
    static let always: UInt64 = 1 << 32

    /// - Parameter share: the shares of an action, by its name.
    package init(catalog: ActionCatalog, share: (String) -> Share) {
        self.catalog = catalog
        var thresholds: [UInt64] = []
        thresholds.reserveCapacity(catalog.count * LogClass.allCases.count)
        for name in catalog.names {
            let shares = share(name)
            // In the order of `LogClass`.
            thresholds += [shares.ok, shares.refused, shares.error].map(Self.threshold)
        }
        self.thresholds = thresholds
        isSampling = thresholds.contains { $0 < Self.always }
    }

    /// Every request is due.
    package init(catalog: ActionCatalog) {
        self.init(catalog: catalog) { _ in (ok: 1, refused: 1, error: 1) }
    }

    private static func threshold(_ share: Double) -> UInt64 {
        guard share > 0 else { return 0 }
        return UInt64((min(share, 1) * Double(always)).rounded())
    }
}
