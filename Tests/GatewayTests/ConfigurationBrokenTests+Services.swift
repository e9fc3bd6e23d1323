/// What can be wrong about services.
extension ConfigurationBrokenTests {
    static let services: [BrokenConfiguration] = [
        .init("services: [{name: s}]", "f:1:12: error: missing key `instances`"),
        .init(
            "services: [{name: s, instances: []}]", "f:1:33: error: at least one instance is needed"
        ),
        .init(
            "services: [{name: s, instances: [h:1], balance: {by: random}}]",
            "f:1:54: error: expected one of `hash`, `least_request`, `round_robin`, found `random`"
        ),
        .init(
            "services: [{name: s, instances: [h:1], balance: {by: hash, key: device}}]",
            "f:1:65: error: expected one of `client`, `session`, `topic`, `user`, found `device`"
        ),
        .init(
            "services: [{name: s, instances: [h:1], balance: {by: hash, bounded_load: 0.9}}]",
            "f:1:74: error: expected a number from 1.0 to 100.0, found `0.9`"
        ),
        .init(
            "services: [{name: s, instances: [h:1], balance: {bounded_load: 1.25}}]",
            "f:1:64: error: `bounded_load` is for `by: hash`; say `by: hash`, or leave it out"
        ),
        .init(
            "services: [{name: s, instances: [h:1], health: {panic_threshold: 2}}]",
            "f:1:66: error: expected a number from 0.0 to 1.0, found `2`"
        ),
        .init(
            "services: [{name: s, instances: [h:1], retry: {attempts: 0}}]",
            "f:1:58: error: expected a whole number from 1 to 10, found `0`"
        ),
        .init(
            "services: [{name: s, instances: [h:1], retry: {budget: -1}}]",
            "f:1:56: error: expected a number from 0.0 to 1.0, found `-1`"
        ),
        .init(
            "services: [{name: s, instances: [h:1], breaker: {failures: 0}}]",
            "f:1:50: error: unknown key `failures`; known: `failure_rate`, `min_requests`, `window`, `open`, `probes`"
        ),
        .init(
            "services: [{name: s, instances: [nohost]}]",
            "f:1:34: error: expected an instance like 127.0.0.1:9101, [::1]:9101 or host.example:9101 weight=2, found `nohost`"
        ),
        .init(
            "services: [{name: s, instances: [\"::1:9101\"]}]",
            "f:1:34: error: expected an instance like 127.0.0.1:9101, [::1]:9101 or host.example:9101 weight=2, found `::1:9101`"
        ),
        .init(
            "services: [{name: s, instances: [\"h:1\", \"h:1\"]}]",
            "f:1:41: error: instance `h:1` is used twice; it is at f:1:34 already"),
        .init(
            service + "commands: []\nservcies: []",
            "f:3:1: error: unknown key `servcies`; did you mean `services`?"),
        .init(
            "services: [{name: s, instances: [\"h:1\"], link: grpc, base_path: /x}]",
            "f:1:65: error: `base_path` is for HTTP links; add `link: http`"),
        .init(
            "services: [{name: s, instances: [\"h:1\"], link: grpc, health: {check: {kind: ping}}}]",
            "f:1:77: error: `ping` needs a native link; "
                + "use `grpc`: gRPC servers take many pings for abuse"),
        .init(
            "services: [{name: s, instances: [\"h:1\"], health: {check: {kind: grpc}}}]",
            "f:1:65: error: `grpc` needs a gRPC link; use `tcp` or `http`"),
        .init(
            "services: [{name: s, instances: [\"h:1\"], link: grpc, health: {check: {kind: grpc, port: 7}}}]",
            "f:1:89: error: a `grpc` check uses the link's connection; leave `port` out"),
        .init(
            "services: [{name: s, instances: [\"h:1\"], base_path: /x}]",
            "f:1:53: error: `base_path` is for HTTP links; add `link: http`"),
        .init(
            "services: [{name: s, instances: [\"h:1\"], link: grpc, http2: true}]",
            "f:1:61: error: `http2` is for HTTP links; add `link: http`"),
        .init(
            "services: [{name: s, instances: [\"h:1\"], link: http, http2: h2}]",
            "f:1:61: error: expected true or false, found `h2`"),
        .init(
            "services: [{name: s, instances: [\"h:1\"], link: http, base_path: x}]",
            "f:1:65: error: expected a path like /commands, found `x`"),
        .init(
            "services: [{name: s, instances: [\"h:1\"], backoff: {min: 3s, max: 2s}}]",
            "f:1:57: error: `min` is longer than `max`; `max` is 2s"),
        .init(
            "services: [{name: s, instances: [\"h:1\"]}, {name: s, instances: [\"h:1\"]}]",
            "f:1:50: error: service name `s` is used twice; it is at f:1:19 already"),
    ]
}
