// swift-format-ignore-file: the texts are what they are.

extension BrokenPolicy {
    static let head = [
        BrokenPolicy(
            "no header",
            """
            rate_limits: []

            """,
            says: """
                a.yaml:1:1: error: missing key `apiVersion`
                a.yaml:1:1: error: missing key `kind`
                """),
        BrokenPolicy(
            "wrong version",
            """
            apiVersion: sluice/v2
            kind: PolicySet

            """,
            says: """
                a.yaml:1:13: error: expected one of `sluice/v1`, found `sluice/v2`; did you mean `sluice/v1`?
                """),
        BrokenPolicy(
            "wrong kind",
            """
            apiVersion: sluice/v1
            kind: Policy

            """,
            says: """
                a.yaml:2:7: error: expected one of `PolicySet`, found `Policy`; did you mean `PolicySet`?
                """),
        BrokenPolicy(
            "a list instead of a mapping",
            """
            - a

            """,
            says: """
                a.yaml:1:1: error: expected a mapping (`key: value`), found a list
                """),
        BrokenPolicy(
            "YAML syntax",
            """
            apiVersion: sluice/v1
            kind: [PolicySet

            """,
            says: """
                a.yaml:3:1: error: not YAML: did not find expected ',' or ']' while parsing a flow sequence; it begins at 2:7
                """),
        BrokenPolicy(
            "an anchor",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: &d {user: token.sub}

            """,
            says: """
                a.yaml:3:14: error: anchors (`&d`) are not allowed; write the value out where it is used
                """),
        BrokenPolicy(
            "a duplicate key",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            logging: {}
            logging: {}

            """,
            says: """
                a.yaml:4:1: error: key `logging` appears twice; it is at line 3 already
                """),
        BrokenPolicy(
            "misspelt section",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            rate_limit: []

            """,
            says: """
                a.yaml:3:1: error: unknown key `rate_limit`; did you mean `rate_limits`?
                """),
        BrokenPolicy(
            "misspelt key of a limit",
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
                burts: 5

            """,
            says: """
                a.yaml:11:5: error: unknown key `burts`; did you mean `burst`?
                """),
        BrokenPolicy(
            "metadata in two files",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            metadata: {name: x}

            """,
            """
            apiVersion: sluice/v1
            kind: PolicySet
            metadata: {name: y}

            """,
            says: """
                b.yaml:3:1: error: `metadata` is already given at a.yaml:3:1; keep one of them
                """),
        BrokenPolicy(
            "logging in two files",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            logging: {budget_per_second: 5}

            """,
            """
            apiVersion: sluice/v1
            kind: PolicySet
            logging: {budget_per_second: 5}

            """,
            says: """
                b.yaml:3:1: error: `logging` is already given at a.yaml:3:1; keep one of them
                """),
        BrokenPolicy(
            "default in two files",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            permissions: {default: deny}

            """,
            """
            apiVersion: sluice/v1
            kind: PolicySet
            permissions: {default: deny}

            """,
            says: """
                b.yaml:3:15: error: `permissions.default` is already given at a.yaml:3:15; keep one of them
                """),
        BrokenPolicy(
            "version that is a number",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            metadata: {version: 1.10}

            """,
            says: """
                a.yaml:3:21: error: expected a text, found `1.10`; put it in quotes: "1.10"
                """),
        BrokenPolicy(
            "descriptor from nowhere",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token}

            """,
            says: """
                a.yaml:3:21: error: `token` is nothing a call has; known: `token.sub`, `session.id`, `session.device`, `session.platform`, `session.app`, `connection.transport`, `message.action`, `message.topic`, `login.user`, `http.route`, `http.method`, `connection.address`, `message.bytes`, `http.header.user-agent`
                """),
        BrokenPolicy(
            "descriptor misspelt",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {peer: connection.adress}

            """,
            says: """
                a.yaml:3:21: error: `connection.adress` is nothing a call has; did you mean `connection.address`?
                """),
        BrokenPolicy(
            "descriptor with an empty path",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token..sub}

            """,
            says: """
                a.yaml:3:21: error: `token..sub` is no path to a claim; as in `token.sub`
                """),
        BrokenPolicy(
            "descriptor prefix too long",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {peer: "connection.address/33,/64"}

            """,
            says: """
                a.yaml:3:21: error: `connection.address/33,/64` is no address prefix; as in `connection.address/32,/64`: bits of IPv4, then of IPv6
                """),
        BrokenPolicy(
            "descriptor prefix of zero",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {peer: "connection.address/0"}

            """,
            says: """
                a.yaml:3:21: error: `connection.address/0` is no address prefix; as in `connection.address/32,/64`: bits of IPv4, then of IPv6
                """),
        BrokenPolicy(
            "descriptor prefix without slash",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {peer: "connection.address/32,64"}

            """,
            says: """
                a.yaml:3:21: error: `connection.address/32,64` is no address prefix; as in `connection.address/32,/64`: bits of IPv4, then of IPv6
                """),
        BrokenPolicy(
            "descriptor twice",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}

            """,
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}

            """,
            says: """
                b.yaml:3:15: error: descriptor `user` is already defined at a.yaml:3:15; keep one of them
                """),
        BrokenPolicy(
            "descriptor not used",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}

            """,
            says: """
                a.yaml:3:15: warning: descriptor `user` is not used; remove it
                """),
        BrokenPolicy(
            "descriptor that does not exist",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - name: a-limit
                match: {action: [echo]}
                key: [usr]
                algorithm: token_bucket
                limit: 60
                per: 60s

            """,
            says: """
                a.yaml:7:11: error: there is no descriptor `usr`; did you mean `user`?
                """),
        BrokenPolicy(
            "a source used as a descriptor",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - name: a-limit
                match: {action: [echo]}
                key: [user, token.plan]
                algorithm: token_bucket
                limit: 60
                per: 60s

            """,
            says: """
                a.yaml:7:17: error: there is no descriptor `token.plan`; give it a name under `descriptors:` and use that
                """),
        BrokenPolicy(
            "key is a text",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - name: a-limit
                match: {action: [echo]}
                key: user
                algorithm: token_bucket
                limit: 60
                per: 60s

            """,
            says: """
                a.yaml:7:10: error: expected a list, found `user`
                """),
        BrokenPolicy(
            "limit without a name",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - match: {action: [echo]}
                key: [user]
                algorithm: token_bucket
                limit: 60
                per: 60s

            """,
            says: """
                a.yaml:5:5: error: missing key `name`
                """),
        BrokenPolicy(
            "limit without match",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - name: a-limit
                key: [user]
                algorithm: token_bucket
                limit: 60
                per: 60s

            """,
            says: """
                a.yaml:5:5: error: missing key `match`
                """),
    ]
}
