// swift-format-ignore-file: the texts are what they are.

extension BrokenPolicy {
    /// Conditions.
    static let conditions: [BrokenPolicy] = [
        .when(
            "when is a text",
            "always",
            says: """
                a.yaml:8:13: error: expected a condition like `{eq: [token.plan, pro]}`, found `always`
                """),
        .when(
            "when is a list",
            "[{eq: [token.plan, pro]}]",
            says: """
                a.yaml:8:13: error: expected a condition like `{eq: [token.plan, pro]}`, found a list; join them: `{all: [...]}`
                """),
        .when(
            "when is empty",
            "{}",
            says: """
                a.yaml:8:13: error: the condition is empty; as in `{eq: [token.plan, pro]}`
                """),
        .when(
            "when with two words",
            "{eq: [token.plan, pro], exists: token.plan}",
            says: """
                a.yaml:8:37: error: a condition has one word, this one has `eq` and `exists`; join them: `{all: [{eq: ...}, {exists: ...}]}`
                """),
        .when(
            "unknown condition",
            "{same: [token.plan, pro]}",
            says: """
                a.yaml:8:14: error: there is no condition `same`; known: `all`, `any`, `not`, `eq`, `ne`, `lt`, `le`, `gt`, `ge`, `in`, `exists`, `like`, `time_of_day`
                """),
        .when(
            "condition with the word of another language",
            "{all: [{equals: [token.plan, pro]}, {cidr: 10.0.0.0/8}, {time: now}]}",
            says: """
                a.yaml:8:21: error: there is no condition `equals`; write `eq`
                a.yaml:8:50: error: there is no condition `cidr`; write `{in: [connection.address, 10.0.0.0/8]}`
                a.yaml:8:70: error: there is no condition `time`; write `time_of_day`
                """),
        .when(
            "condition of another language",
            "{and: [{exists: token.plan}]}",
            says: """
                a.yaml:8:14: error: there is no condition `and`; write `all`
                """),
        .when(
            "condition that is a regular expression",
            #"{regex: [token.plan, "p.*"]}"#,
            says: """
                a.yaml:8:14: error: there is no condition `regex`; there are no regular expressions; `like` takes `*`
                """),
        .when(
            "condition without operands",
            "{eq: }",
            says: """
                a.yaml:8:14: error: `eq` has no value
                """),
        .when(
            "group that is no list",
            "{all: {exists: token.plan}}",
            says: """
                a.yaml:8:19: error: expected a list of conditions, found a mapping
                """),
        .when(
            "group of texts",
            "{any: [token.plan]}",
            says: """
                a.yaml:8:20: error: expected a condition like `{eq: [token.plan, pro]}`, found `token.plan`
                """),
        .when(
            "not of a list",
            "{not: [{exists: token.plan}]}",
            says: """
                a.yaml:8:19: error: expected a condition like `{eq: [token.plan, pro]}`, found a list; join them: `{all: [...]}`
                """),
        .when(
            "several wrong parts at once",
            "{all: [{eq: [token.plan]}, {nope: 1}, {lt: [message.bytes, many]}]}",
            says: """
                a.yaml:8:25: error: expected `[source, value]`, found a list of 1; as in `{eq: [token.plan, pro]}`
                a.yaml:8:41: error: there is no condition `nope`; known: `all`, `any`, `not`, `eq`, `ne`, `lt`, `le`, `gt`, `ge`, `in`, `exists`, `like`, `time_of_day`
                a.yaml:8:72: error: expected a number of bytes like 65536 or 64KiB, found `many`; a whole number, alone or with KiB, MiB or GiB
                """),
        .when(
            "comparison of one",
            "{eq: [token.plan]}",
            says: """
                a.yaml:8:18: error: expected `[source, value]`, found a list of 1; as in `{eq: [token.plan, pro]}`
                """),
        .when(
            "comparison of three",
            "{eq: [token.plan, a, b]}",
            says: """
                a.yaml:8:18: error: expected `[source, value]`, found a list of 3; as in `{eq: [token.plan, pro]}`
                """),
        .when(
            "comparison that is a mapping",
            "{lt: {message.bytes: 5}}",
            says: """
                a.yaml:8:18: error: expected `[source, value]`, found a mapping; as in `{lt: [message.bytes, 16384]}`
                """),
        .when(
            "comparison of nothing a call has",
            "{eq: [plan, pro]}",
            says: """
                a.yaml:8:19: error: `plan` is no descriptor, and nothing a call has; what to look at comes first, as in `[token.plan, pro]`
                """),
        .when(
            "comparison of a misspelt source",
            "{eq: [message.topics, pro]}",
            says: """
                a.yaml:8:19: error: `message.topics` is no descriptor, and nothing a call has; did you mean `message.topic`?
                """),
        .when(
            "comparison the wrong way round",
            "{lt: [5, message.bytes]}",
            says: """
                a.yaml:8:19: error: expected a descriptor or a source, found `5`; what to look at comes first, as in `[token.plan, pro]`
                """),
        .when(
            "comparison of a path without end",
            "{eq: [token., pro]}",
            says: """
                a.yaml:8:19: error: `token.` is no path to a claim; as in `token.sub`
                """),
        .when(
            "comparison of a header with a space",
            #"{exists: "http.header.user agent"}"#,
            says: """
                a.yaml:8:22: error: `http.header.user agent` is no header field; as in `http.header.user-agent`; up to 64 characters
                """),
        .when(
            "comparison with nothing",
            "{eq: [token.plan, null]}",
            says: """
                a.yaml:8:31: error: expected a text, a number or a boolean, found nothing
                """),
        .when(
            "comparison with an empty text",
            #"{eq: [token.plan, ""]}"#,
            says: """
                a.yaml:8:31: error: expected a text that is not empty, found an empty text
                """),
        .when(
            "comparison with several values",
            "{eq: [token.plan, [a, b]]}",
            says: """
                a.yaml:8:31: error: expected one value, found a list; for several use `in`
                """),
        .when(
            "comparison with a text where a number must be",
            "{lt: [token.level, high]}",
            says: """
                a.yaml:8:32: error: expected a number, found `high`; for texts use `eq` or `in`
                """),
        .when(
            "comparison with a number in quotes",
            #"{ge: [token.level, "5"]}"#,
            says: """
                a.yaml:8:32: error: expected a number, found `5`; write 5 without quotes
                """),
        .when(
            "bytes compared with a fraction",
            "{lt: [message.bytes, 1.5]}",
            says: """
                a.yaml:8:34: error: expected a number of bytes like 65536 or 64KiB, found `1.5`
                """),
        .when(
            "bytes below nothing",
            "{lt: [message.bytes, -1]}",
            says: """
                a.yaml:8:34: error: expected a number of bytes like 65536 or 64KiB, found `-1`; a whole number, alone or with KiB, MiB or GiB
                """),
        .when(
            "bytes with a unit there is not",
            "{lt: [message.bytes, 5KB]}",
            says: """
                a.yaml:8:34: error: expected a number of bytes like 65536 or 64KiB, found `5KB`; a whole number, alone or with KiB, MiB or GiB
                """),
        .when(
            "bytes like a text",
            #"{like: [message.bytes, "1*"]}"#,
            says: """
                a.yaml:8:36: error: `message.bytes` is a number, and `like` compares texts; use `lt` or `gt`
                """),
        .when(
            "bytes among texts",
            "{in: [message.bytes, [big]]}",
            says: """
                a.yaml:8:35: error: expected a number of bytes like 65536 or 64KiB, found `big`; a whole number, alone or with KiB, MiB or GiB
                """),
        .when(
            "transport as a number",
            "{lt: [connection.transport, 5]}",
            says: """
                a.yaml:8:41: error: `connection.transport` is never a number; use `eq` or `in`
                """),
        .when(
            "transport there is not",
            "{eq: [connection.transport, websockets]}",
            says: """
                a.yaml:8:41: error: expected one of `http`, `tcp`, `websocket`, found `websockets`; did you mean `websocket`?
                """),
        .when(
            "transports of which one is not",
            "{in: [connection.transport, [tcp, udp]]}",
            says: """
                a.yaml:8:47: error: expected one of `http`, `tcp`, `websocket`, found `udp`
                """),
        .when(
            "action there is not",
            "{ne: [message.action, ehco]}",
            says: """
                a.yaml:8:35: error: there is no action `ehco`; did you mean `echo`?
                """),
        .when(
            "action by a pattern",
            #"{eq: [message.action, "message.*"]}"#,
            says: """
                a.yaml:8:35: error: there is no action `message.*`; for a pattern use `like`
                """),
        .when(
            "route there is not",
            "{eq: [http.route, medias]}",
            says: """
                a.yaml:8:31: error: there is no route `medias`; did you mean `media`?
                """),
        .when(
            "method in lower case",
            "{in: [http.method, [GET, post]]}",
            says: """
                a.yaml:8:38: error: expected an HTTP method, found `post`; write `POST`
                """),
        .when(
            "set that is a text",
            "{in: [token.plan, free]}",
            says: """
                a.yaml:8:31: error: expected a list, found `free`; as in `[free, pro]`; for one value use `eq`
                """),
        .when(
            "set that is empty",
            "{in: [token.plan, []]}",
            says: """
                a.yaml:8:31: error: the list is empty; name at least one value
                """),
        .when(
            "set within a set",
            "{in: [token.plan, [[a]]]}",
            says: """
                a.yaml:8:32: error: expected a text, a number or a boolean, found a list
                """),
        .when(
            "block beside what is no address",
            "{in: [token.plan, 10.0.0.0/8]}",
            says: """
                a.yaml:8:31: error: expected a list, found `10.0.0.0/8`; blocks of addresses go with `connection.address`
                """),
        .when(
            "address compared as a text",
            "{eq: [connection.address, 10.0.0.1]}",
            says: """
                a.yaml:8:39: error: `eq` does not compare addresses; use `{in: [connection.address, 192.0.2.1]}`
                """),
        .when(
            "address that is not",
            "{ne: [connection.address, 10.0.0.1]}",
            says: """
                a.yaml:8:39: error: `ne` does not compare addresses; use `{not: {in: [connection.address, 192.0.2.1]}}`
                """),
        .when(
            "address like a text",
            #"{like: [connection.address, "10.*"]}"#,
            says: """
                a.yaml:8:41: error: `like` does not compare addresses; use `{in: [connection.address, 192.0.2.1]}`
                """),
        .when(
            "address cut to bits",
            #"{in: ["connection.address/24,/56", 10.0.0.0/8]}"#,
            says: """
                a.yaml:8:48: error: `in` looks at the whole address, not at some bits of it; write `connection.address` before it
                """),
        .when(
            "block with bits behind its prefix",
            "{in: [connection.address, 10.0.0.1/8]}",
            says: """
                a.yaml:8:39: error: `10.0.0.1/8` has bits behind its prefix; write 10.0.0.0/8
                """),
        .when(
            "blocks, several of them wrong",
            #"{in: [connection.address, [10.0.0.0/8, 10.0.0.0/33, "2001:db8::1/32"]]}"#,
            says: """
                a.yaml:8:52: error: expected an address block like 10.0.0.0/8 or "2001:db8::/32", found `10.0.0.0/33`
                a.yaml:8:65: error: `2001:db8::1/32` has bits behind its prefix; write 2001:db8::/32
                """),
        .when(
            "block that is a name",
            "{in: [connection.address, localhost]}",
            says: """
                a.yaml:8:39: error: expected an address block like 10.0.0.0/8 or "2001:db8::/32", found `localhost`
                """),
        .when(
            "block list that is empty",
            "{in: [connection.address, []]}",
            says: """
                a.yaml:8:39: error: the list is empty; name at least one value
                """),
        .when(
            "block that is a mapping",
            "{in: [connection.address, [{a: b}]]}",
            says: """
                a.yaml:8:40: error: expected an address block like 10.0.0.0/8 or "2001:db8::/32", found a mapping; put IPv6 in quotes
                """),
        .when(
            "exists of two",
            "{exists: [token.plan, token.sub]}",
            says: """
                a.yaml:8:22: error: expected a descriptor or a source, found a list; what to look at comes first, as in `[token.plan, pro]`
                """),
        .when(
            "like without a star",
            "{like: [message.topic, room]}",
            says: """
                a.yaml:8:36: warning: `room` has no `*`; use `eq`
                """),
        .when(
            "like a number",
            "{like: [message.topic, 5]}",
            says: """
                a.yaml:8:36: error: expected a text, found `5`; put it in quotes: "5"
                """),
        .when(
            "like nothing",
            #"{like: [message.topic, ""]}"#,
            says: """
                a.yaml:8:36: error: expected a text that is not empty, found an empty text
                """),
        .when(
            "time without end",
            #"{time_of_day: {from: "22:00"}}"#,
            says: """
                a.yaml:8:27: error: missing key `to`
                """),
        .when(
            "time as a number",
            #"{time_of_day: {from: 22, to: "24:00"}}"#,
            says: """
                a.yaml:8:34: error: expected a time of day like "22:00", found `22`
                """),
        .when(
            "time after midnight",
            #"{time_of_day: {from: "24:00", to: "24:01"}}"#,
            says: """
                a.yaml:8:34: error: expected a time of day from "00:00" to "23:59", found `24:00`
                a.yaml:8:47: error: expected a time of day from "00:00" to "24:00", found `24:01`
                """),
        .when(
            "time with 60 minutes",
            #"{time_of_day: {from: "10:60", to: "1:00"}}"#,
            says: """
                a.yaml:8:34: error: expected a time of day like "22:00", found `10:60`
                a.yaml:8:47: error: expected a time of day like "22:00", found `1:00`
                """),
        .when(
            "time from and to the same",
            #"{time_of_day: {from: "10:00", to: "10:00"}}"#,
            says: """
                a.yaml:8:43: error: `from` and `to` are the same time; the whole day is `from: "00:00", to: "24:00"`
                """),
        .when(
            "time on no days",
            #"{time_of_day: {from: "10:00", to: "11:00", days: []}}"#,
            says: """
                a.yaml:8:62: error: the list is empty; leave it out to mean all days
                """),
        .when(
            "time on days written out",
            #"{time_of_day: {from: "10:00", to: "11:00", days: [Monday, foo]}}"#,
            says: """
                a.yaml:8:63: error: expected one of `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`, found `Monday`; write `mon`
                a.yaml:8:71: error: expected one of `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`, found `foo`
                """),
        .when(
            "time misspelt",
            #"{time_of_day: {from: "10:00", until: "11:00"}}"#,
            says: """
                a.yaml:8:27: error: missing key `to`
                a.yaml:8:43: error: unknown key `until`; known: `from`, `to`, `days`
                """),
        .when(
            "time of a list",
            #"{time_of_day: ["10:00", "11:00"]}"#,
            says: """
                a.yaml:8:27: error: expected a mapping (`key: value`), found a list
                """),
        .when(
            "any of nothing",
            "{any: []}",
            says: """
                a.yaml:8:7: warning: `p` never speaks: its condition can never be true; mend the condition or remove the rule
                """),
        .when(
            "all of nothing",
            "{all: []}",
            says: """
                a.yaml:8:7: warning: the condition of `p` is always true; leave `when` out
                """),
        .when(
            "all with a part that is never true",
            "{all: [{exists: token.plan}, {any: []}]}",
            says: """
                a.yaml:8:7: warning: `p` never speaks: its condition can never be true; mend the condition or remove the rule
                """),
        .when(
            "less than little and more than much",
            "{all: [{lt: [message.bytes, 5]}, {gt: [message.bytes, 10]}]}",
            says: """
                a.yaml:8:7: warning: `p` never speaks: its condition can never be true; mend the condition or remove the rule
                """),
        .when(
            "between a number and itself",
            "{all: [{lt: [token.level, 5]}, {ge: [token.level, 5]}]}",
            says: """
                a.yaml:8:7: warning: `p` never speaks: its condition can never be true; mend the condition or remove the rule
                """),
        .when(
            "a condition and its opposite",
            "{all: [{exists: token.plan}, {not: {exists: token.plan}}]}",
            says: """
                a.yaml:8:7: warning: `p` never speaks: its condition can never be true; mend the condition or remove the rule
                """),
        .when(
            "two values at once",
            "{all: [{eq: [http.method, GET]}, {in: [http.method, [PUT, POST]]}]}",
            says: """
                a.yaml:8:7: warning: `p` never speaks: its condition can never be true; mend the condition or remove the rule
                """),
        .when(
            "a value that is excluded",
            "{all: [{eq: [token.plan, pro]}, {ne: [token.plan, pro]}]}",
            says: """
                a.yaml:8:7: warning: `p` never speaks: its condition can never be true; mend the condition or remove the rule
                """),
        .when(
            "a value of what is absent",
            "{all: [{not: {exists: message.topic}}, {eq: [message.topic, a]}]}",
            says: """
                a.yaml:8:7: warning: `p` never speaks: its condition can never be true; mend the condition or remove the rule
                """),
        .when(
            "fewer bytes than none",
            "{lt: [message.bytes, 0]}",
            says: """
                a.yaml:8:7: warning: `p` never speaks: its condition can never be true; mend the condition or remove the rule
                """),
        .when(
            "always some bytes",
            "{ge: [message.bytes, 0]}",
            says: """
                a.yaml:8:7: warning: the condition of `p` is always true; leave `when` out
                """),
        .when(
            "an address is always there",
            "{exists: connection.address}",
            says: """
                a.yaml:8:7: warning: the condition of `p` is always true; leave `when` out
                """),
        .when(
            "a claim within a text",
            "{exists: token.sub.name}",
            says: """
                a.yaml:8:22: warning: no token has a claim `sub.name`; `sub` has no parts
                """),
        .when(
            "either or not",
            "{any: [{exists: token.plan}, {not: {exists: token.plan}}]}",
            says: """
                a.yaml:8:7: warning: the condition of `p` is always true; leave `when` out
                """),
        .when(
            "all day on all days",
            #"{time_of_day: {from: "00:00", to: "24:00"}}"#,
            says: """
                a.yaml:8:7: warning: the condition of `p` is always true; leave `when` out
                """),
    ]
}
