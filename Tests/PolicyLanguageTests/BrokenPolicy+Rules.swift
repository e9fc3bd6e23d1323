// swift-format-ignore-file: the texts are what they are.

extension BrokenPolicy {
    static let rules = [
        BrokenPolicy(
            "overrides by an address",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub, peer: connection.address}
            rate_limits:
              - name: a-limit
                match: {action: [echo]}
                key: [user]
                algorithm: token_bucket
                limit: 60
                per: 60s
                overrides: {by: peer, x: {limit: 5}}

            """,
            says: """
                a.yaml:11:21: error: overrides cannot go by `peer`, which is `connection.address/32,/64`; they go by `token.*`, `session.*` or `connection.transport`
                """),
        BrokenPolicy(
            "overrides that name nothing",
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
                overrides: {by: user}

            """,
            says: """
                a.yaml:11:16: error: the overrides name no value; as in `{by: plan, free: {limit: 30}}`
                """),
        BrokenPolicy(
            "override misspelt",
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
                overrides: {by: user, free: {limits: 5}}

            """,
            says: """
                a.yaml:11:34: error: unknown key `limits`; did you mean `limit`?
                """),
        BrokenPolicy(
            "override whose cost exceeds its burst",
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
                cost: 5
                overrides: {by: user, free: {burst: 4}}

            """,
            says: """
                a.yaml:12:27: error: a request costs 5, more than the burst of 4: none could pass; raise `burst` or lower `cost`
                """),
        BrokenPolicy(
            "shadow is a word",
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
                shadow: yes

            """,
            says: """
                a.yaml:11:13: error: expected true or false, found `yes`; write `true`
                """),
        BrokenPolicy(
            "max_keys of zero",
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
                max_keys: 0

            """,
            says: """
                a.yaml:11:15: error: expected a whole number from 1 to 10000000, found `0`
                """),
        BrokenPolicy(
            "was names a living rule",
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
                was: [other]
              - name: other
                match: {action: [message.send]}
                key: [user]
                algorithm: token_bucket
                limit: 60
                per: 60s

            """,
            says: """
                a.yaml:5:11: error: `was` names `other`, which is still a limit; remove one of them
                """),
        BrokenPolicy(
            "was named twice",
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
                was: [old]
              - name: other
                match: {action: [message.send]}
                key: [user]
                algorithm: token_bucket
                limit: 60
                per: 60s
                was: [old]

            """,
            says: """
                a.yaml:12:11: error: `was` names `old`, which `a-limit` takes over already; only one rule can keep its buckets
                """),
        BrokenPolicy(
            "a name with a space",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - name: a limit
                match: {action: [echo]}
                key: [user]
                algorithm: token_bucket
                limit: 60
                per: 60s

            """,
            says: """
                a.yaml:5:11: error: `a limit` is no rule name; a letter or digit, then up to 63 letters, digits, `-`, `_`, `.`
                """),
        BrokenPolicy(
            "a name of our own",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - name: default
                match: {action: [echo]}
                key: [user]
                algorithm: token_bucket
                limit: 60
                per: 60s

            """,
            says: """
                a.yaml:5:11: error: `default` is a name of the gateway's own; choose another
                """),
        BrokenPolicy(
            "a name taken in another file",
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

            """,
            """
            apiVersion: sluice/v1
            kind: PolicySet
            permissions: {rules: [{name: a-limit, effect: deny, action: [echo]}]}

            """,
            says: """
                b.yaml:3:30: error: the name `a-limit` is already taken at a.yaml:5:11; names are unique over limits and permissions of all files
                """),
        BrokenPolicy(
            "permission without effect",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            permissions:
              rules:
                - {name: p, action: [echo]}

            """,
            says: """
                a.yaml:5:7: error: missing key `effect`
                """),
        BrokenPolicy(
            "permission with unknown effect",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            permissions:
              rules:
                - {name: p, effect: allow, action: [echo]}

            """,
            says: """
                a.yaml:5:25: error: expected one of `deny`, `permit`, found `allow`
                """),
        BrokenPolicy(
            "permission without action",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            permissions:
              rules:
                - {name: p, effect: permit}

            """,
            says: """
                a.yaml:5:7: error: missing key `action`
                """),
        BrokenPolicy(
            "principal of nobody",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            permissions:
              rules:
                - {name: p, effect: permit, principal: {}, action: [echo]}

            """,
            says: """
                a.yaml:5:44: error: `principal` names nobody; give `roles`, `claims` or `anonymous`, or leave it out
                """),
        BrokenPolicy(
            "principal misspelt",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            permissions:
              rules:
                - {name: p, effect: permit, principal: {role: [x]}, action: [echo]}

            """,
            says: """
                a.yaml:5:45: error: unknown key `role`; did you mean `roles`?
                """),
        BrokenPolicy(
            "roles is a text",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            permissions:
              rules:
                - {name: p, effect: permit, principal: {roles: member}, action: [echo]}

            """,
            says: """
                a.yaml:5:52: error: expected a list, found `member`
                """),
        BrokenPolicy(
            "a claim without values",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            permissions:
              rules:
                - {name: p, effect: permit, principal: {claims: {tenant: []}}, action: [echo]}

            """,
            says: """
                a.yaml:5:62: error: the list is empty; name at least one value
                """),
        BrokenPolicy(
            "a claim's value is a list",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            permissions:
              rules:
                - {name: p, effect: permit, principal: {claims: {tenant: [[a]]}}, action: [echo]}

            """,
            says: """
                a.yaml:5:63: error: expected a text, a number or a boolean, found a list
                """),
        BrokenPolicy(
            "a permit that denies cover",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            permissions:
              rules:
                - {name: p, effect: permit, action: [echo]}
                - {name: no, effect: deny, action: ["*"]}

            """,
            says: """
                a.yaml:5:14: warning: `p` never permits: `no` denies the same for everyone; remove one of them
                """),
        BrokenPolicy(
            "default is a boolean",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            permissions: {default: true}

            """,
            says: """
                a.yaml:3:24: error: expected one of `deny`, `permit`, found `true`
                """),
        BrokenPolicy(
            "an empty section",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            rate_limits:

            """,
            says: """
                a.yaml:3:1: error: `rate_limits` has no value; give one or leave the key out
                """),
        BrokenPolicy(
            "several errors in several files",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - name: a-limit
                match: {action: [echo]}
                key: [user]
                algorithm: token_bucket
                limit: -1
                per: soon

            """,
            """
            apiVersion: sluice/v1
            kind: PolicySet
            permissions:
              rules:
                - {name: p, effect: maybe, action: [ehco]}

            """,
            says: """
                a.yaml:9:12: error: expected a whole number from 1 to 1000000000000, found `-1`
                a.yaml:10:10: error: expected a duration like 10s, found `soon`; a whole number with one unit: ms, s, m, h, d
                b.yaml:5:25: error: expected one of `deny`, `permit`, found `maybe`
                b.yaml:5:41: error: there is no action `ehco`; did you mean `echo`?
                """),
    ]
}
