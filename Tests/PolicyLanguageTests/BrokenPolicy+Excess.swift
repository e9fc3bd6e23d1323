// swift-format-ignore-file: the texts are what they are.

extension BrokenPolicy {
    /// What happens over a limit, bans and overrides.
    static let excess: [BrokenPolicy] = [
        .bucket(
            "unknown on_limit",
            "on_limit: refuse",
            says: """
                a.yaml:11:15: error: expected one of `close`, `delay`, `drop`, `pause_reads`, `reject`, found `refuse`
                """),
        .bucket(
            "on_limit misspelt",
            "on_limit: pause_read",
            says: """
                a.yaml:11:15: error: expected one of `close`, `delay`, `drop`, `pause_reads`, `reject`, found `pause_read`; did you mean `pause_reads`?
                """),
        .bucket(
            "delay without max_delay",
            "on_limit: delay",
            says: """
                a.yaml:11:5: error: `on_limit: delay` needs `max_delay`; as in `max_delay: 2s`; from 1ms to 60s
                """),
        .bucket(
            "delay with an empty max_delay",
            "on_limit: delay", "max_delay:",
            says: """
                a.yaml:12:5: error: `max_delay` has no value; give one or leave the key out
                """),
        .bucket(
            "max_delay without delay",
            "max_delay: 1s",
            says: """
                a.yaml:11:5: error: `max_delay` needs `on_limit: delay`; write `on_limit: delay`, or leave it out
                """),
        .bucket(
            "max_delay beside reject",
            "on_limit: reject", "max_delay: 1s",
            says: """
                a.yaml:12:5: error: `max_delay` needs `on_limit: delay`; write `on_limit: delay`, or leave it out
                """),
        .bucket(
            "max_delay too long",
            "on_limit: delay", "max_delay: 61s",
            says: """
                a.yaml:12:16: error: expected a duration from 1ms to 1m, found `61s`
                """),
        .bucket(
            "max_delay too short",
            "on_limit: delay", "max_delay: 1us",
            says: """
                a.yaml:12:16: error: expected a duration from 1ms to 1m, found `1us`
                """),
        .bucket(
            "max_delay without unit",
            "on_limit: delay", "max_delay: 5",
            says: """
                a.yaml:12:16: error: expected a duration like 10s, found `5`; add a unit: 5s
                """),
        .bucket(
            "ban that is a number",
            "ban: 50",
            says: """
                a.yaml:11:10: error: expected a mapping (`key: value`), found `50`
                """),
        .bucket(
            "ban without its keys",
            "ban: {}",
            says: """
                a.yaml:11:10: error: missing key `after`
                a.yaml:11:10: error: missing key `within`
                a.yaml:11:10: error: missing key `for`
                """),
        .bucket(
            "ban after nothing",
            "ban: {after: 0, within: 60s, for: 10m}",
            says: """
                a.yaml:11:18: error: expected a whole number from 1 to 1000000, found `0`
                """),
        .bucket(
            "ban after too many",
            "ban: {after: 1000001, within: 60s, for: 10m}",
            says: """
                a.yaml:11:18: error: expected a whole number from 1 to 1000000, found `1000001`
                """),
        .bucket(
            "ban within no time",
            "ban: {after: 5, within: 0s, for: 10m}",
            says: """
                a.yaml:11:29: error: expected a duration from 1ms to 365d, found `0s`
                """),
        .bucket(
            "ban for ever",
            "ban: {after: 5, within: 60s, for: 366d}",
            says: """
                a.yaml:11:39: error: expected a duration from 1ms to 365d, found `366d`
                """),
        .bucket(
            "ban of fractions of a millisecond",
            "ban: {after: 5, within: 1500us, for: 10m}",
            says: """
                a.yaml:11:29: error: expected whole milliseconds, found `1500us`
                """),
        .bucket(
            "ban misspelt",
            "ban: {after: 5, in: 60s, for: 10m}",
            says: """
                a.yaml:11:10: error: missing key `within`
                a.yaml:11:21: error: unknown key `in`; known: `after`, `within`, `for`
                """),
        .bucket(
            "unknown scope",
            "scope: global",
            says: """
                a.yaml:11:12: error: expected one of `cluster`, `node`, found `global`
                """),
        .bucket(
            "when of a limit",
            "when: {eq: [token.sub, x]}",
            says: """
                a.yaml:11:5: error: `when` is for permissions: a limit matches by action and transport; leave it out, or deny what is meant
                """),
        .bucket(
            "principal of a limit",
            "principal: {roles: [x]}",
            says: """
                a.yaml:11:5: error: `principal` is for permissions: a limit tells callers apart by its key; leave it out, or use `overrides`
                """),
        .bucket(
            "was that is a text",
            "was: old",
            says: """
                a.yaml:11:10: error: expected a list, found `old`
                """),
        .bucket(
            "was without names",
            "was: []",
            says: """
                a.yaml:11:10: error: the list is empty; name at least one
                """),
        .bucket(
            "was names itself",
            "was: [a-limit]",
            says: """
                a.yaml:5:11: error: `was` names `a-limit`, which is still a limit; remove one of them
                """),
        .bucket(
            "max_keys beyond bounds",
            "max_keys: 10000001",
            says: """
                a.yaml:11:15: error: expected a whole number from 1 to 10000000, found `10000001`
                """),
        .bucket(
            "overrides that are a list",
            "overrides: [free]",
            says: """
                a.yaml:11:16: error: expected a mapping (`key: value`), found a list
                """),
        .bucket(
            "override that is a number",
            "overrides: {by: user, free: 30}",
            says: """
                a.yaml:11:33: error: expected a mapping (`key: value`), found `30`
                """),
        .bucket(
            "override that changes nothing",
            "overrides: {by: user, free: {}}",
            says: """
                a.yaml:11:27: error: the override `free` changes nothing; as in `free: {limit: 30}`
                """),
        .bucket(
            "override of max_delay",
            "on_limit: delay", "max_delay: 1s", "overrides: {by: user, free: {max_delay: 2s}}",
            says: """
                a.yaml:13:34: error: an override cannot give `max_delay`; leave it out, or write a limit of its own
                """),
        .bucket(
            "override by a source",
            "overrides: {by: token.plan, free: {limit: 5}}",
            says: """
                a.yaml:11:21: error: there is no descriptor `token.plan`; give it a name under `descriptors:` and use that
                """),
        .bucket(
            "override of a limit of zero",
            "overrides: {by: user, free: {limit: 0}}",
            says: """
                a.yaml:11:41: error: expected a whole number from 1 to 1000000000000, found `0`
                """),
        .bucket(
            "override whose burst takes years",
            "overrides: {by: user, free: {burst: 1000000000000, limit: 1}}",
            says: """
                a.yaml:11:27: error: an empty bucket would take longer than 365 days to fill; lower `burst` or `per`, or raise `limit`
                """),
        .limit(
            "override of a window's per",
            "algorithm: sliding_window", "limit: 5", "per: 1m",
            "overrides: {by: user, free: {per: 2m, burst: 5}}",
            says: """
                a.yaml:11:34: error: an override of a `sliding_window` cannot give `per`: all its buckets share one clock; leave it out, or write a limit of its own
                a.yaml:11:43: error: `burst` does not apply to `sliding_window`, which never lets more than `limit` through; leave it out, or use `token_bucket`
                """),
        .limit(
            "override of a quota's per",
            "algorithm: quota", "limit: 5", "per: day", "overrides: {by: user, free: {per: hour}}",
            says: """
                a.yaml:11:34: error: an override of a `quota` cannot give `per`: all its buckets share one clock; leave it out, or write a limit of its own
                """),
        .limit(
            "override of what concurrency has not",
            "algorithm: concurrency", "limit: 5",
            "overrides: {by: user, free: {per: 1s, burst: 7, max_delay: 1s}}",
            says: """
                a.yaml:10:34: error: `per` does not apply to `concurrency`, which counts what is under way and not how often; leave it out, or use `token_bucket` or `sliding_window`
                a.yaml:10:43: error: `burst` does not apply to `concurrency`, which never lets more than `limit` through; leave it out, or use `token_bucket`
                a.yaml:10:53: error: an override cannot give `max_delay`; leave it out, or write a limit of its own
                """),
        .limit(
            "override with a queue too long",
            "algorithm: leaky_bucket", "limit: 5", "per: 1s",
            "overrides: {by: user, free: {burst: 500}}",
            says: """
                a.yaml:11:27: error: a full queue would take 100s to drain, longer than 60s; lower `burst`, or set `max_delay`
                """),
        .limit(
            "override with a cost above a quota",
            "algorithm: quota", "limit: 5", "per: day", "cost: 4",
            "overrides: {by: user, free: {limit: 3}}",
            says: """
                a.yaml:12:27: error: a request costs 4, more than the limit of 3: none could pass; raise `limit` or lower `cost`
                """),
        BrokenPolicy(
            "overrides by a topic",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub, room: message.topic}
            rate_limits:
              - name: a-limit
                match: {action: [echo]}
                key: [user]
                algorithm: token_bucket
                limit: 60
                per: 60s
                overrides: {by: room, x: {limit: 5}}

            """,
            says: """
                a.yaml:11:21: error: overrides cannot go by `room`, which is `message.topic`; they go by `token.*`, `session.*` or `connection.transport`
                """),
        BrokenPolicy(
            "overrides by a transport there is not",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub, way: connection.transport}
            rate_limits:
              - name: a-limit
                match: {action: [echo]}
                key: [user]
                algorithm: token_bucket
                limit: 60
                per: 60s
                overrides: {by: way, tcp: {limit: 5}, websockets: {limit: 5}}

            """,
            says: """
                a.yaml:11:43: error: expected one of `http`, `tcp`, `websocket`, found `websockets`; did you mean `websocket`?
                """),
        BrokenPolicy(
            "bytes as a key",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub, size: message.bytes}
            rate_limits:
              - name: a-limit
                match: {action: [echo]}
                key: [user, size]
                algorithm: concurrency
                limit: 60

            """,
            says: """
                a.yaml:7:17: error: `size` is `message.bytes`, at which only `when` may look; to count bytes write `unit: bytes`
                """),
    ]
}
