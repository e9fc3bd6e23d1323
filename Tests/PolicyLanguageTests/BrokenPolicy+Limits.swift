// swift-format-ignore-file: the texts are what they are.

extension BrokenPolicy {
    static let limits = [
        BrokenPolicy(
            "limit without action",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - name: a-limit
                match: {transport: [tcp]}
                key: [user]
                algorithm: token_bucket
                limit: 60
                per: 60s

            """,
            says: """
                a.yaml:6:12: error: missing key `action`
                """),
        BrokenPolicy(
            "limit without key",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - name: a-limit
                match: {action: [echo]}
                algorithm: token_bucket
                limit: 60
                per: 60s

            """,
            says: """
                a.yaml:5:5: error: missing key `key`
                """),
        BrokenPolicy(
            "limit without limit and per",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - name: a-limit
                match: {action: [echo]}
                key: [user]
                algorithm: token_bucket

            """,
            says: """
                a.yaml:5:5: error: missing key `limit`
                a.yaml:5:5: error: missing key `per`
                """),
        BrokenPolicy(
            "limit of zero",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - name: a-limit
                match: {action: [echo]}
                key: [user]
                algorithm: token_bucket
                limit: 0
                per: 60s

            """,
            says: """
                a.yaml:9:12: error: expected a whole number from 1 to 1000000000000, found `0`
                """),
        BrokenPolicy(
            "limit in quotes",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - name: a-limit
                match: {action: [echo]}
                key: [user]
                algorithm: token_bucket
                limit: "60"
                per: 60s

            """,
            says: """
                a.yaml:9:12: error: expected a whole number, found `60`; write 60 without quotes
                """),
        BrokenPolicy(
            "limit is a fraction",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - name: a-limit
                match: {action: [echo]}
                key: [user]
                algorithm: token_bucket
                limit: 1.5
                per: 60s

            """,
            says: """
                a.yaml:9:12: error: expected a whole number, found `1.5`
                """),
        BrokenPolicy(
            "per without unit",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - name: a-limit
                match: {action: [echo]}
                key: [user]
                algorithm: token_bucket
                limit: 60
                per: 60

            """,
            says: """
                a.yaml:10:10: error: expected a duration like 10s, found `60`; add a unit: 60s
                """),
        BrokenPolicy(
            "per too short",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - name: a-limit
                match: {action: [echo]}
                key: [user]
                algorithm: token_bucket
                limit: 60
                per: 1us

            """,
            says: """
                a.yaml:10:10: error: expected a duration from 1ms to 365d, found `1us`
                """),
        BrokenPolicy(
            "faster than time",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - name: a-limit
                match: {action: [echo]}
                key: [user]
                algorithm: token_bucket
                limit: 100000000
                per: 10ms

            """,
            says: """
                a.yaml:5:11: error: more than one a nanosecond: no limit is that fast; lower `limit` or raise `per`
                """),
        BrokenPolicy(
            "burst that takes years",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - name: a-limit
                match: {action: [echo]}
                key: [user]
                algorithm: token_bucket
                limit: 10
                per: 1d
                burst: 1000000

            """,
            says: """
                a.yaml:5:11: error: an empty bucket would take longer than 365 days to fill; lower `burst` or `per`, or raise `limit`
                """),
        BrokenPolicy(
            "cost above burst",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - name: a-limit
                match: {action: [echo]}
                key: [user]
                algorithm: token_bucket
                limit: 60
                per: 60s
                burst: 5
                cost: 6

            """,
            says: """
                a.yaml:5:11: error: a request costs 6, more than the burst of 5: none could pass; raise `burst` or lower `cost`
                """),
        BrokenPolicy(
            "cost of bytes",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - name: a-limit
                match: {action: [echo]}
                key: [user]
                algorithm: token_bucket
                limit: 60
                per: 60s
                unit: bytes
                cost: 6

            """,
            says: """
                a.yaml:12:5: error: `cost` is for requests; here a call costs its bytes; leave it out
                """),
        BrokenPolicy(
            "unknown unit",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - name: a-limit
                match: {action: [echo]}
                key: [user]
                algorithm: token_bucket
                limit: 60
                per: 60s
                unit: byte

            """,
            says: """
                a.yaml:11:11: error: expected one of `bytes`, `requests`, found `byte`; did you mean `bytes`?
                """),
        BrokenPolicy(
            "unknown action",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - name: a-limit
                match: {action: [ehco]}
                key: [user]
                algorithm: token_bucket
                limit: 60
                per: 60s

            """,
            says: """
                a.yaml:6:22: error: there is no action `ehco`; did you mean `echo`?
                """),
        BrokenPolicy(
            "no action",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - name: a-limit
                match: {action: []}
                key: [user]
                algorithm: token_bucket
                limit: 60
                per: 60s

            """,
            says: """
                a.yaml:6:21: error: the list is empty; `["*"]` means all actions
                """),
        BrokenPolicy(
            "glob that matches nothing",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - name: a-limit
                match: {action: ["mesage.*"]}
                key: [user]
                algorithm: token_bucket
                limit: 60
                per: 60s

            """,
            says: """
                a.yaml:6:22: warning: `mesage.*` matches no action; did you mean `message.*`?
                """),
        BrokenPolicy(
            "unknown transport",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - name: a-limit
                match: {action: [echo], transport: [websockets]}
                key: [user]
                algorithm: token_bucket
                limit: 60
                per: 60s

            """,
            says: """
                a.yaml:6:41: error: expected one of `http`, `tcp`, `websocket`, found `websockets`; did you mean `websocket`?
                """),
        BrokenPolicy(
            "no transport",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - name: a-limit
                match: {action: [echo], transport: []}
                key: [user]
                algorithm: token_bucket
                limit: 60
                per: 60s

            """,
            says: """
                a.yaml:6:40: error: the list is empty; leave it out to mean all transports
                """),
        BrokenPolicy(
            "unknown algorithm",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - name: a-limit
                match: {action: [echo]}
                key: [user]
                algorithm: tokenbucket
                limit: 60
                per: 60s

            """,
            says: """
                a.yaml:8:16: error: expected one of `concurrency`, `leaky_bucket`, `quota`, `sliding_window`, `token_bucket`, found `tokenbucket`; did you mean `token_bucket`?
                """),
        BrokenPolicy(
            "scope of later",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - name: a-limit
                match: {action: [echo]}
                key: [user]
                algorithm: token_bucket
                limit: 60
                per: 60s
                scope: cluster
                on_store_failure: node

            """,
            says: """
                a.yaml:11:12: error: `scope: cluster` is not supported in this version; only `node` is
                a.yaml:12:5: error: `on_store_failure` is not supported in this version; leave it out
                """),
        BrokenPolicy(
            "overrides without by",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - name: a-limit
                match: {action: [echo]}
                key: [user]
                algorithm: token_bucket
                limit: 60
                per: 60s
                overrides: {free: {limit: 5}}

            """,
            says: """
                a.yaml:11:16: error: missing key `by`
                """),
    ]
}
