import SluicePolicy

/// What a limit remembers of a key that it refused.
struct ReferenceBan {
    private var start: Int128?
    private var count = 0
    private var until: Int128?

    private static func millisecond(_ time: ReferenceTime) -> Int128 {
        time.nanoseconds / 1_000_000
    }

    /// Nanoseconds for which the key is still banned; nil when it is not.
    func remaining(at time: ReferenceTime) -> Int128? {
        guard let until, Self.millisecond(time) < until else { return nil }
        return until * 1_000_000 - time.nanoseconds
    }

    /// A refusal of this key. True when it makes a ban.
    mutating func refused(_ ban: LimitBan, at time: ReferenceTime) -> Bool {
        let now = Self.millisecond(time)
        if until != nil { self = Self() }
        if let start, now <= start + Int128(ban.withinMilliseconds) {
            count += 1
        } else {
            start = now
            count = 1
        }
        if count < ban.after { return false }
        until = now + Int128(ban.forMilliseconds)
        return true
    }
}
