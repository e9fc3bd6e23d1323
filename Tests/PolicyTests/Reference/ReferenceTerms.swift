import SluicePolicy

/// What a bucket of the reference reckons with: the rule, and the numbers in force for the call.
struct ReferenceTerms {
    let rule: LimitRule
    let numbers: LimitNumbers

    /// - Parameter value: of the descriptor that overrides go by.
    init(_ rule: LimitRule, for value: String?) {
        self.rule = rule
        numbers = value.flatMap { rule.overrides?.numbers[$0] } ?? rule.numbers
    }

    var limit: Int128 { Int128(numbers.limit) }
    var period: Int128 { Int128(numbers.periodNanoseconds) }
    var burst: Int128 { Int128(numbers.burst) }
    var cost: Int128 { rule.unit == .requests ? Int128(numbers.cost) : 1 }

    /// What a call takes: `n` of docs/policy.md.
    func units(bytes: Int) -> Int128 { rule.unit == .requests ? cost : Int128(bytes) }
}

/// Both clocks at one call.
struct ReferenceTime: Equatable {
    /// Monotonic, in nanoseconds.
    var nanoseconds: Int128
    /// Of the calendar, in microseconds since 1970.
    var wall: Int64
}

/// One bucket of an algorithm, written from docs/policy.md as plainly as can be.
protocol ReferenceBucket {
    init(at time: ReferenceTime)

    /// Turns what was counted under older terms into the new ones, as of now.
    mutating func convert(
        from old: ReferenceTerms, to new: ReferenceTerms, at time: ReferenceTime)

    /// Nanoseconds a call of so many units waits before it goes on; nil when there is no room.
    func wait(_ units: Int128, _ terms: ReferenceTerms, at time: ReferenceTime) -> Int128?

    /// A call that does not fit however long one waits.
    func neverFits(_ units: Int128, _ terms: ReferenceTerms) -> Bool

    /// Nanoseconds until a call that has no room has room if nothing else comes; nil = not known.
    func fitsAfter(_ units: Int128, _ terms: ReferenceTerms, at time: ReferenceTime) -> Int128?

    /// Counts a call that has room.
    ///
    /// - Parameter call: by which it is given back.
    mutating func charge(
        _ units: Int128, _ terms: ReferenceTerms, call: Int, at time: ReferenceTime)

    /// The call is over.
    mutating func release(call: Int)

    /// How many more requests like this one have room.
    func remaining(_ units: Int128, _ terms: ReferenceTerms, at time: ReferenceTime) -> Int128
}

extension ReferenceBucket {
    mutating func release(call: Int) {}

    /// The first nanosecond with room, found by halving: time alone never takes room away.
    func firstRoom(
        _ units: Int128, _ terms: ReferenceTerms, at time: ReferenceTime, within longest: Int128
    ) -> Int128 {
        var without: Int128 = 0
        var with = longest
        while with - without > 1 {
            let middle = (without + with) / 2
            let then = ReferenceTime(nanoseconds: time.nanoseconds + middle, wall: time.wall)
            if wait(units, terms, at: then) != nil { with = middle } else { without = middle }
        }
        return with
    }
}

/// The quotient, rounded up. Neither is negative.
func roundedUp(_ dividend: Int128, _ divisor: Int128) -> Int128 {
    (dividend + divisor - 1) / divisor
}
