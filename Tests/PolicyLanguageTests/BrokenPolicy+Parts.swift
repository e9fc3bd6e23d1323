// swift-format-ignore-file: the texts are what they are.

extension BrokenPolicy {
    /// Devices, logging, descriptors, and rules that have no effect.
    static let parts: [BrokenPolicy] = [
        .part(
            "devices without a rule",
            "devices: {classes: {web: [web]}}",
            says: """
                a.yaml:3:10: error: missing key `rule`
                """),
        .part(
            "devices with an unknown rule",
            "devices: {rule: one_per_clas}",
            says: """
                a.yaml:3:17: error: expected one of `allow_all`, `one_per_class`, `one_in_all`, or `{max: 3}`, found `one_per_clas`; did you mean `one_per_class`?
                """),
        .part(
            "devices with a number",
            "devices: {rule: 3}",
            says: """
                a.yaml:3:17: error: expected one of `allow_all`, `one_per_class`, `one_in_all`, or `{max: 3}`, found `3`; write `{max: 3}`
                """),
        .part(
            "devices of none",
            "devices: {rule: {max: 0}}",
            says: """
                a.yaml:3:23: error: expected a whole number from 1 to 1000000, found `0`
                """),
        .part(
            "devices with a misspelt max",
            "devices: {rule: {most: 3}}",
            says: """
                a.yaml:3:17: error: missing key `max`
                a.yaml:3:18: error: unknown key `most`; known: `max`
                """),
        .part(
            "devices that are a word",
            "devices: one_per_class",
            says: """
                a.yaml:3:10: error: expected a mapping (`key: value`), found `one_per_class`
                """),
        .part(
            "a platform in two classes",
            "devices: {rule: one_per_class, classes: {a: [ios], b: [web, ios]}}",
            says: """
                a.yaml:3:61: error: `ios` is in the class `a` already; a platform has one class
                """),
        .part(
            "a class without platforms",
            "devices: {rule: one_per_class, classes: {a: []}}",
            says: """
                a.yaml:3:45: error: the list is empty; name at least one
                """),
        .part(
            "a class of a number",
            "devices: {rule: one_per_class, classes: {a: [5]}}",
            says: """
                a.yaml:3:46: error: expected a text, found `5`; put it in quotes: "5"
                """),
        .part(
            "a class that is no list",
            "devices: {rule: one_per_class, classes: {a: ios}}",
            says: """
                a.yaml:3:45: error: expected a list, found `ios`
                """),
        .part(
            "a class with a space",
            #"devices: {rule: one_per_class, classes: {"a b": [ios]}}"#,
            says: """
                a.yaml:3:42: error: `a b` is no class name; a letter or digit, then up to 63 letters, digits, `-`, `_`, `.`
                """),
        .part(
            "an unknown conflict",
            "devices: {rule: one_in_all, on_conflict: close}",
            says: """
                a.yaml:3:42: error: expected one of `refuse`, `replace`, found `close`
                """),
        .part(
            "a conflict that never comes",
            "devices: {rule: allow_all, on_conflict: refuse}",
            says: """
                a.yaml:3:28: warning: with `rule: allow_all` there is never a conflict; remove `on_conflict`
                """),
        .part(
            "classes nobody looks at",
            "devices: {rule: one_in_all, classes: {a: [ios]}}",
            says: """
                a.yaml:3:29: warning: `rule: one_in_all` does not look at classes; remove them, or write `rule: one_per_class`
                """),
        BrokenPolicy(
            "devices in two files",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            devices: {rule: one_in_all}

            """,
            """
            apiVersion: sluice/v1
            kind: PolicySet
            devices: {rule: {max: 2}}

            """,
            says: """
                b.yaml:3:1: error: `devices` is already given at a.yaml:3:1; keep one of them
                """),
        .part(
            "a share above 1",
            "logging: {sample: {ok: 2}}",
            says: """
                a.yaml:3:24: error: expected a number from 0.0 to 1.0, found `2`
                """),
        .part(
            "a share below 0",
            "logging: {sample: {refused: -0.5}}",
            says: """
                a.yaml:3:29: error: expected a number from 0.0 to 1.0, found `-0.5`
                """),
        .part(
            "a share in percent",
            "logging: {sample: {ok: 10%}}",
            says: """
                a.yaml:3:24: error: expected a share from 0 to 1, found `10%`; as in 0.1 for a tenth
                """),
        .part(
            "a share that is a word",
            "logging: {sample: {error: all}}",
            says: """
                a.yaml:3:27: error: expected a number, found `all`
                """),
        .part(
            "an unknown outcome",
            "logging: {sample: {allowed: 0.5}}",
            says: """
                a.yaml:3:20: error: unknown key `allowed`; known: `ok`, `refused`, `error`, `actions`
                """),
        .part(
            "sampling of an unknown action",
            "logging: {sample: {actions: {ehco: {ok: 0.5}}}}",
            says: """
                a.yaml:3:30: error: there is no action `ehco`; did you mean `echo`?
                """),
        .part(
            "sampling of a pattern without a match",
            #"logging: {sample: {actions: {"mesage.*": {ok: 0.5}}}}"#,
            says: """
                a.yaml:3:30: warning: `mesage.*` matches no action; did you mean `message.*`?
                """),
        .part(
            "sampling that changes nothing",
            "logging: {sample: {actions: {echo: {}}}}",
            says: """
                a.yaml:3:30: error: `echo` changes nothing; as in `"message.*": {ok: 0.01}`
                """),
        .part(
            "sampling of an action by a number",
            "logging: {sample: {actions: {echo: 0.5}}}",
            says: """
                a.yaml:3:36: error: expected a mapping (`key: value`), found `0.5`
                """),
        .part(
            "a budget of zero",
            "logging: {budget_per_second: 0}",
            says: """
                a.yaml:3:30: error: expected a whole number from 1 to 1000000, found `0`
                """),
        .part(
            "a reserve beyond bounds",
            "logging: {reserve_per_second: 1000001}",
            says: """
                a.yaml:3:31: error: expected a whole number from 1 to 1000000, found `1000001`
                """),
        .part(
            "a descriptor with the name of a source",
            "descriptors: {message.topic: token.sub}",
            says: """
                a.yaml:3:15: error: `message.topic` is a source, and no name for a descriptor; choose another
                """),
        .part(
            "a descriptor of a header without a name",
            "descriptors: {agent: http.header.}",
            says: """
                a.yaml:3:22: error: `http.header.` is no header field; as in `http.header.user-agent`; up to 64 characters
                """),
        .part(
            "a descriptor of an address with letters",
            #"descriptors: {peer: "connection.address/+8"}"#,
            says: """
                a.yaml:3:21: error: `connection.address/+8` is no address prefix; as in `connection.address/32,/64`: bits of IPv4, then of IPv6
                """),
        .part(
            "a descriptor with a long path",
            "descriptors: {deep: token.a.b.c.d.e.f.g.h.i}",
            says: """
                a.yaml:3:21: error: `token.a.b.c.d.e.f.g.h.i` is no path to a claim; as in `token.sub`
                """),
        .part(
            "a descriptor of what a source is nearly",
            "descriptors: {room: message.topics}",
            says: """
                a.yaml:3:21: error: `message.topics` is nothing a call has; did you mean `message.topic`?
                """),
        .part(
            "a permit for pushes",
            "permissions: {rules: [{name: p, effect: permit, action: [push.send]}]}",
            says: """
                a.yaml:3:30: warning: `push.send` passes limits, not permissions; remove it from the rule's actions
                """),
        .part(
            "a claim without a path",
            "permissions: {rules: [{name: p, effect: permit, action: [echo], principal: {claims: {org..id: [a]}}}]}",
            says: """
                a.yaml:3:86: error: `org..id` is no path to a claim; as in `tenant` or `org.id`
                """),
        .part(
            "a claim no token has",
            "permissions: {rules: [{name: p, effect: permit, action: [echo], principal: {claims: {sub.id: [a]}}}]}",
            says: """
                a.yaml:3:86: warning: no token has a claim `sub.id`; `sub` has no parts
                """),
        .part(
            "a role that is a number",
            "permissions: {rules: [{name: p, effect: permit, action: [echo], principal: {roles: [5]}}]}",
            says: """
                a.yaml:3:85: error: expected a text, found `5`; put it in quotes: "5"
                """),
        BrokenPolicy(
            "a deny with a condition does not cover a permit, one without does",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            permissions:
              rules:
                - {name: a, effect: permit, action: [echo]}
                - {name: b, effect: permit, action: ["message.*"], when: {exists: token.plan}}
                - {name: c, effect: deny, action: [echo], when: {exists: token.banned}}
                - {name: d, effect: deny, action: ["message.*"]}

            """,
            says: """
                a.yaml:6:14: warning: `b` never permits: `d` denies the same for everyone; remove one of them
                """),
        BrokenPolicy(
            "a limit beside a tighter one",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            descriptors: {user: token.sub}
            rate_limits:
              - {name: loose, match: {action: [echo]}, key: [user], algorithm: token_bucket, limit: 100, per: 1m}
              - {name: tight, match: {action: [echo]}, key: [user], algorithm: token_bucket, limit: 1, per: 1s, burst: 50}
              - {name: burst, match: {action: [echo]}, key: [user], algorithm: token_bucket, limit: 9, per: 1s, burst: 49}
              - {name: other, match: {action: [echo]}, key: [], algorithm: token_bucket, limit: 100, per: 1m}
              - {name: shade, match: {action: [echo]}, key: [user], algorithm: token_bucket, limit: 100, per: 1m, shadow: true}

            """,
            says: """
                a.yaml:5:12: warning: `loose` never refuses: `tight` counts the same and is tighter; remove one of them
                """),
        BrokenPolicy(
            "deep nesting",
            """
            apiVersion: sluice/v1
            kind: PolicySet
            logging: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]

            """,
            says: """
                a.yaml:3:58: error: nested deeper than 48 levels
                """),
    ]
}
