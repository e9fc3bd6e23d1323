import SluicePolicy

/// `sliding_window`: the counts of all windows there were, by number.
struct ReferenceWindow: ReferenceBucket {
    private var counts: [Int128: Int128] = [:]

    init(at time: ReferenceTime) {}

    private func window(_ terms: ReferenceTerms, _ time: ReferenceTime) -> Int128 {
        time.nanoseconds / terms.period
    }

    private func count(_ window: Int128) -> Int128 { counts[window] ?? 0 }

    /// What counts at this time: this window, and as much of the one before as reaches into the
    /// period that ends now.
    private func weighted(_ terms: ReferenceTerms, at time: ReferenceTime) -> Int128 {
        let window = window(terms, time)
        let elapsed = time.nanoseconds - window * terms.period
        let share = count(window - 1) * (terms.period - elapsed)
        return count(window) + roundedUp(share, terms.period)
    }

    mutating func convert(
        from old: ReferenceTerms, to new: ReferenceTerms, at time: ReferenceTime
    ) {
        let scaled = { (count: Int128) in roundedUp(count * new.limit, old.limit) }
        if old.period == new.period {
            counts = counts.mapValues(scaled)
        } else {
            counts = [window(new, time): scaled(weighted(old, at: time))]
        }
    }

    func wait(_ units: Int128, _ terms: ReferenceTerms, at time: ReferenceTime) -> Int128? {
        weighted(terms, at: time) + units <= terms.limit ? 0 : nil
    }

    func neverFits(_ units: Int128, _ terms: ReferenceTerms) -> Bool { units > terms.limit }

    func fitsAfter(_ units: Int128, _ terms: ReferenceTerms, at time: ReferenceTime) -> Int128? {
        firstRoom(units, terms, at: time, within: 2 * terms.period)
    }

    mutating func charge(
        _ units: Int128, _ terms: ReferenceTerms, call: Int, at time: ReferenceTime
    ) {
        let window = window(terms, time)
        counts = counts.filter { $0.key >= window - 1 }
        counts[window, default: 0] += units
    }

    func remaining(_ units: Int128, _ terms: ReferenceTerms, at time: ReferenceTime) -> Int128 {
        max(0, terms.limit - weighted(terms, at: time)) / units
    }
}
