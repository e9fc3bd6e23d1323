import SluicePolicy

/// `concurrency`: every call under way, and what it holds.
struct ReferencePlaces: ReferenceBucket {
    private var held: [Int: Int128] = [:]

    init(at time: ReferenceTime) {}

    private var total: Int128 { held.values.reduce(0, +) }

    mutating func convert(
        from old: ReferenceTerms, to new: ReferenceTerms, at time: ReferenceTime
    ) {}

    func wait(_ units: Int128, _ terms: ReferenceTerms, at time: ReferenceTime) -> Int128? {
        total + units <= terms.limit ? 0 : nil
    }

    func neverFits(_ units: Int128, _ terms: ReferenceTerms) -> Bool { units > terms.limit }

    func fitsAfter(_ units: Int128, _ terms: ReferenceTerms, at time: ReferenceTime) -> Int128? {
        nil
    }

    mutating func charge(
        _ units: Int128, _ terms: ReferenceTerms, call: Int, at time: ReferenceTime
    ) {
        held[call] = units
    }

    mutating func release(call: Int) { held[call] = nil }

    func remaining(_ units: Int128, _ terms: ReferenceTerms, at time: ReferenceTime) -> Int128 {
        max(0, terms.limit - total) / units
    }
}
