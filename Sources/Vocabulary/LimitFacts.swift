/// What the fields `RateLimit` and `RateLimit-Policy` say of one limit and one caller
/// (draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4). Immutable.
///
/// A class, so that a refusal which has none is no larger for it.
package final class LimitFacts: Sendable, Equatable {
    /// What the quota counts: the parameter `qu`.
    package enum Unit: Sendable, Equatable { case requests, bytes, concurrentRequests }

    /// The limit's name.
    package let rule: String
    /// Units a caller that did nothing yet may use: `q`.
    package let quota: Int64
    /// Seconds in which so many come back: `w`; 0 = there is no such time.
    package let windowSeconds: Int64
    package let unit: Unit
    /// Units left: `r`.
    package let remaining: Int64
    /// Seconds until all of the quota is there again, rounded up: `t`; 0 = now, or nobody knows.
    package let resetSeconds: Int64

    package init(
        rule: String, quota: Int64, windowSeconds: Int64, unit: Unit, remaining: Int64,
        resetSeconds: Int64
    ) {
        self.rule = rule
        self.quota = quota
        self.windowSeconds = windowSeconds
        self.unit = unit
        self.remaining = remaining
        self.resetSeconds = resetSeconds
    }

    package static func == (left: LimitFacts, right: LimitFacts) -> Bool {
        left.rule == right.rule && left.quota == right.quota
            && left.windowSeconds == right.windowSeconds && left.unit == right.unit
            && left.remaining == right.remaining && left.resetSeconds == right.resetSeconds
    }
}
