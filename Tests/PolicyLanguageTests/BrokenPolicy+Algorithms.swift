// swift-format-ignore-file: the texts are what they are.

extension BrokenPolicy {
    /// Limits whose keys do not fit their algorithm.
    static let algorithms: [BrokenPolicy] = [
        .limit(
            "no algorithm",
            "limit: 60", "per: 60s",
            says: """
                a.yaml:5:5: error: missing key `algorithm`
                """),
        .limit(
            "per of concurrency",
            "algorithm: concurrency", "limit: 5", "per: 60s",
            says: """
                a.yaml:10:5: error: `per` does not apply to `concurrency`, which counts what is under way and not how often; leave it out, or use `token_bucket` or `sliding_window`
                """),
        .limit(
            "burst of concurrency",
            "algorithm: concurrency", "limit: 5", "burst: 9",
            says: """
                a.yaml:10:5: error: `burst` does not apply to `concurrency`, which never lets more than `limit` through; leave it out, or use `token_bucket`
                """),
        .limit(
            "max_delay of concurrency",
            "algorithm: concurrency", "limit: 5", "max_delay: 1s",
            says: """
                a.yaml:10:5: error: `max_delay` does not apply to `concurrency`, where no call waits; leave it out, or use `leaky_bucket`, or `token_bucket` with `on_limit: delay`
                """),
        .limit(
            "everything concurrency has not",
            "algorithm: concurrency", "limit: 5", "per: 1s", "burst: 9", "max_delay: 1s",
            "on_limit: delay",
            says: """
                a.yaml:10:5: error: `per` does not apply to `concurrency`, which counts what is under way and not how often; leave it out, or use `token_bucket` or `sliding_window`
                a.yaml:11:5: error: `burst` does not apply to `concurrency`, which never lets more than `limit` through; leave it out, or use `token_bucket`
                a.yaml:12:5: error: `max_delay` does not apply to `concurrency`, where no call waits; leave it out, or use `leaky_bucket`, or `token_bucket` with `on_limit: delay`
                a.yaml:13:15: error: `on_limit: delay` is for `token_bucket`, not for `concurrency`; choose another, or `algorithm: token_bucket`
                """),
        .limit(
            "concurrency that pauses",
            "algorithm: concurrency", "limit: 5", "on_limit: pause_reads",
            says: """
                a.yaml:10:15: error: `on_limit: pause_reads` does not apply to `concurrency`: nobody knows when a place comes free; use `reject`, `drop` or `close`
                """),
        .limit(
            "concurrency that delays",
            "algorithm: concurrency", "limit: 5", "on_limit: delay",
            says: """
                a.yaml:10:15: error: `on_limit: delay` is for `token_bucket`, not for `concurrency`; choose another, or `algorithm: token_bucket`
                """),
        .limit(
            "cost above a limit of concurrency",
            "algorithm: concurrency", "limit: 5", "cost: 6",
            says: """
                a.yaml:5:11: error: a request costs 6, more than the limit of 5: none could pass; raise `limit` or lower `cost`
                """),
        .limit(
            "burst of a sliding window",
            "algorithm: sliding_window", "limit: 5", "per: 1m", "burst: 9",
            says: """
                a.yaml:11:5: error: `burst` does not apply to `sliding_window`, which never lets more than `limit` through; leave it out, or use `token_bucket`
                """),
        .limit(
            "max_delay of a sliding window",
            "algorithm: sliding_window", "limit: 5", "per: 1m", "max_delay: 1s",
            says: """
                a.yaml:11:5: error: `max_delay` does not apply to `sliding_window`, where no call waits; leave it out, or use `leaky_bucket`, or `token_bucket` with `on_limit: delay`
                """),
        .limit(
            "sliding window that delays",
            "algorithm: sliding_window", "limit: 5", "per: 1m", "on_limit: delay",
            says: """
                a.yaml:11:15: error: `on_limit: delay` is for `token_bucket`, not for `sliding_window`; choose another, or `algorithm: token_bucket`
                """),
        .limit(
            "sliding window without per",
            "algorithm: sliding_window", "limit: 5",
            says: """
                a.yaml:5:5: error: missing key `per`
                """),
        .limit(
            "sliding window by the calendar",
            "algorithm: sliding_window", "limit: 5", "per: day",
            says: """
                a.yaml:10:10: error: expected a duration like 10s, found `day`; the calendar is for `algorithm: quota`; a day is 24h
                """),
        .limit(
            "sliding window of too many",
            "algorithm: sliding_window", "limit: 4294967296", "per: 1m",
            says: """
                a.yaml:9:12: error: expected a whole number from 1 to 4294967295, found `4294967296`
                """),
        .limit(
            "sliding window of too many bytes",
            "algorithm: sliding_window", "limit: 4GiB", "per: 1m", "unit: bytes",
            says: """
                a.yaml:9:12: error: expected 1 to 4294967295 bytes, found `4GiB`
                """),
        .limit(
            "cost above a window",
            "algorithm: sliding_window", "limit: 5", "per: 1m", "cost: 6",
            says: """
                a.yaml:5:11: error: a request costs 6, more than the limit of 5: none could pass; raise `limit` or lower `cost`
                """),
        .limit(
            "quota for 24 hours",
            "algorithm: quota", "limit: 5", "per: 24h",
            says: """
                a.yaml:10:10: error: expected one of `minute`, `hour`, `day`, `week`, `month`, `year`, found `24h`; `quota` counts by the calendar: `per: day`
                """),
        .limit(
            "quota for 30 days",
            "algorithm: quota", "limit: 5", "per: 30d",
            says: """
                a.yaml:10:10: error: expected one of `minute`, `hour`, `day`, `week`, `month`, `year`, found `30d`; `quota` counts by the calendar: `per: month`
                """),
        .limit(
            "quota for an odd time",
            "algorithm: quota", "limit: 5", "per: 5h",
            says: """
                a.yaml:10:10: error: expected one of `minute`, `hour`, `day`, `week`, `month`, `year`, found `5h`
                """),
        .limit(
            "quota for a word",
            "algorithm: quota", "limit: 5", "per: days",
            says: """
                a.yaml:10:10: error: expected one of `minute`, `hour`, `day`, `week`, `month`, `year`, found `days`; did you mean `day`?
                """),
        .limit(
            "quota without per",
            "algorithm: quota", "limit: 5",
            says: """
                a.yaml:5:5: error: missing key `per`
                """),
        .limit(
            "burst of a quota",
            "algorithm: quota", "limit: 5", "per: day", "burst: 9",
            says: """
                a.yaml:11:5: error: `burst` does not apply to `quota`, which never lets more than `limit` through; leave it out, or use `token_bucket`
                """),
        .limit(
            "max_delay of a quota",
            "algorithm: quota", "limit: 5", "per: day", "max_delay: 9s",
            says: """
                a.yaml:11:5: error: `max_delay` does not apply to `quota`, where no call waits; leave it out, or use `leaky_bucket`, or `token_bucket` with `on_limit: delay`
                """),
        .limit(
            "quota that delays",
            "algorithm: quota", "limit: 5", "per: day", "on_limit: delay",
            says: """
                a.yaml:11:15: error: `on_limit: delay` is for `token_bucket`, not for `quota`; choose another, or `algorithm: token_bucket`
                """),
        .limit(
            "cost above a quota",
            "algorithm: quota", "limit: 5", "per: day", "cost: 6",
            says: """
                a.yaml:5:11: error: a request costs 6, more than the limit of 5: none could pass; raise `limit` or lower `cost`
                """),
        .limit(
            "token bucket by the calendar",
            "algorithm: token_bucket", "limit: 5", "per: day",
            says: """
                a.yaml:10:10: error: expected a duration like 10s, found `day`; the calendar is for `algorithm: quota`; a day is 24h
                """),
        .limit(
            "leaky bucket without per",
            "algorithm: leaky_bucket", "limit: 5",
            says: """
                a.yaml:5:5: error: missing key `per`
                """),
        .limit(
            "leaky bucket told to delay",
            "algorithm: leaky_bucket", "limit: 5", "per: 1s", "on_limit: delay",
            says: """
                a.yaml:11:15: error: `on_limit: delay` is for `token_bucket`: a `leaky_bucket` delays by itself; leave it out; `max_delay` bounds the wait
                """),
        .limit(
            "leaky bucket with a long queue",
            "algorithm: leaky_bucket", "limit: 100", "per: 10m",
            says: """
                a.yaml:5:11: error: a full queue would take 600s to drain, longer than 60s; lower `burst`, or set `max_delay`
                """),
        .limit(
            "leaky bucket with a queue a bit too long",
            "algorithm: leaky_bucket", "limit: 1", "per: 1s", "burst: 61",
            says: """
                a.yaml:5:11: error: a full queue would take 61s to drain, longer than 60s; lower `burst`, or set `max_delay`
                """),
        .limit(
            "leaky bucket with a long max_delay",
            "algorithm: leaky_bucket", "limit: 100", "per: 10m", "max_delay: 61s",
            says: """
                a.yaml:11:16: error: expected a duration from 1ms to 1m, found `61s`
                """),
        .limit(
            "limit above all bounds",
            "algorithm: token_bucket", "limit: 1000000000001", "per: 1d",
            says: """
                a.yaml:9:12: error: expected a whole number from 1 to 1000000000000, found `1000000000001`
                """),
        .limit(
            "limit without a unit of bytes",
            "algorithm: token_bucket", "limit: 5MB", "per: 1d", "unit: bytes",
            says: """
                a.yaml:9:12: error: expected a number of bytes like 65536 or 64KiB, found `5MB`; a whole number, alone or with KiB, MiB or GiB
                """),
        .limit(
            "burst of zero",
            "algorithm: token_bucket", "limit: 5", "per: 1d", "burst: 0",
            says: """
                a.yaml:11:12: error: expected a whole number from 1 to 1000000000000, found `0`
                """),
        .limit(
            "per too long",
            "algorithm: token_bucket", "limit: 5", "per: 366d",
            says: """
                a.yaml:10:10: error: expected a duration from 1ms to 365d, found `366d`
                """),
        .limit(
            "cost of zero",
            "algorithm: token_bucket", "limit: 5", "per: 1s", "cost: 0",
            says: """
                a.yaml:11:11: error: expected a whole number from 1 to 1000000000000, found `0`
                """),
        .limit(
            "cost above a limit that is the burst",
            "algorithm: token_bucket", "limit: 5", "per: 1s", "cost: 6",
            says: """
                a.yaml:5:11: error: a request costs 6, more than the limit of 5: none could pass; raise `limit` or lower `cost`
                """),
        .limit(
            "a key of the calendar on its own",
            "algorithm: quota", "limit: 5", "per: day", "calendar: day",
            says: """
                a.yaml:11:5: error: unknown key `calendar`; known: `name`, `match`, `key`, `algorithm`, `scope`, `unit`, `per`, `limit`, `cost`, `on_limit`, `overrides`, `ban`, `shadow`, `max_keys`, `was`
                """),
    ]
}
