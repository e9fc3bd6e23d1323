import SluicePolicy

/// Which keys of a limit an algorithm has, and why it has not the others.
extension LimitAlgorithm {
    /// Keys of a limit that not every algorithm has.
    static let ownKeys = ["per", "burst", "max_delay"]

    /// Why a limit of this algorithm cannot have a key; nil when it can.
    func objection(to key: String) -> (message: String, hint: String)? {
        switch (self, key) {
        case (.concurrency, "per"):
            (
                "`per` does not apply to `concurrency`, which counts what is under way and not how often",
                "leave it out, or use `token_bucket` or `sliding_window`"
            )
        case (.concurrency, "burst"), (.slidingWindow, "burst"), (.quota, "burst"):
            (
                "`burst` does not apply to `\(rawValue)`, which never lets more than `limit` through",
                "leave it out, or use `token_bucket`"
            )
        case (.concurrency, "max_delay"), (.slidingWindow, "max_delay"), (.quota, "max_delay"):
            (
                "`max_delay` does not apply to `\(rawValue)`, where no call waits",
                "leave it out, or use `leaky_bucket`, or `token_bucket` with `on_limit: delay`"
            )
        default: nil
        }
    }

    /// Why an override of a limit of this algorithm cannot give a key; nil when it can.
    func objectionInOverride(to key: String) -> (message: String, hint: String)? {
        switch (self, key) {
        case (.slidingWindow, "per"), (.quota, "per"):
            (
                "an override of a `\(rawValue)` cannot give `per`: all its buckets share one clock",
                "leave it out, or write a limit of its own"
            )
        case (_, "max_delay"):
            ("an override cannot give `max_delay`", "leave it out, or write a limit of its own")
        default: objection(to: key)
        }
    }

    /// Why this algorithm cannot do what a limit asks for over it; nil when it can.
    func objection(to action: LimitAction) -> (message: String, hint: String)? {
        switch (self, action) {
        case (.leakyBucket, .delay):
            (
                "`on_limit: delay` is for `token_bucket`: a `leaky_bucket` delays by itself",
                "leave it out; `max_delay` bounds the wait"
            )
        case (.slidingWindow, .delay), (.concurrency, .delay), (.quota, .delay):
            (
                "`on_limit: delay` is for `token_bucket`, not for `\(rawValue)`",
                "choose another, or `algorithm: token_bucket`"
            )
        case (.concurrency, .pauseReads):
            (
                "`on_limit: pause_reads` does not apply to `concurrency`: nobody knows when a place comes free",
                "use `reject`, `drop` or `close`"
            )
        default: nil
        }
    }
}
