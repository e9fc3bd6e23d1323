/// What a watched key was refused, in 64 bits: how often since when, or until when it is banned.
///
/// Whole milliseconds, as docs/policy.md reckons bans: 20 bits of count, 43 bits of time (278 years),
/// one bit for "banned".
struct OffenceWord: Equatable {
    private static let countMask: UInt64 = 1 << 20 - 1
    private static let banBit: UInt64 = 1 << 63

    let rawValue: UInt64

    init(rawValue: UInt64 = 0) { self.rawValue = rawValue }

    private init(time: Int64, count: UInt64, isBan: Bool) {
        rawValue = UInt64(time) << 20 | count | (isBan ? Self.banBit : 0)
    }

    private var isBan: Bool { rawValue & Self.banBit != 0 }
    private var count: UInt64 { rawValue & Self.countMask }
    private var time: Int64 { Int64(rawValue & ~Self.banBit) >> 20 }

    /// Nanoseconds for which the key is still banned at `now`; nil when it is not.
    func banLeft(at now: Int64) -> Int64? {
        guard isBan, now / 1_000_000 < time else { return nil }
        return time * 1_000_000 - now
    }

    /// The word after one more refusal at `now`. A ban that holds stays as it is.
    func refused(at now: Int64, _ ban: LimitBan) -> Self {
        let milliseconds = now / 1_000_000
        if isBan, milliseconds < time { return self }
        let isNew = isBan || count == 0 || milliseconds > time + ban.withinMilliseconds
        let next = isNew ? 1 : count + 1
        if next >= ban.after {
            return Self(time: milliseconds + ban.forMilliseconds, count: 0, isBan: true)
        }
        return Self(time: isNew ? milliseconds : time, count: next, isBan: false)
    }

    /// True when nothing of it counts any more at `now`.
    func isForgotten(at now: Int64, _ ban: LimitBan) -> Bool {
        if isBan { return banLeft(at: now) == nil }
        return count == 0 || now / 1_000_000 > time + ban.withinMilliseconds
    }
}

extension Bucket {
    /// Forgives everything: a rule that had no ban has one now.
    func forgetOffences() {
        while true {
            let before = offences
            if before == OffenceWord() || replace(before, by: OffenceWord()) { return }
        }
    }

    /// Counts a refusal. Returns what is left of the ban when there is one now, and whether it
    /// began with this refusal.
    func addOffence(at now: Int64, _ ban: LimitBan) -> (banLeft: Int64?, isNew: Bool) {
        while true {
            let before = offences
            let after = before.refused(at: now, ban)
            if before == after || replace(before, by: after) {
                return (after.banLeft(at: now), before != after)
            }
        }
    }
}
