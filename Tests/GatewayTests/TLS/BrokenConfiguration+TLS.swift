/// TLS of listeners and services, as far as it is wrong without a look at the files.
extension ConfigurationBrokenTests {
    static let tls: [BrokenConfiguration] = [
        .init(
            "listeners: [{name: a, port: 1, tls: {}}]",
            "f:1:37: error: missing key `certificates`"),
        .init(
            "listeners: [{name: a, port: 1, tls: {certificates: []}}]",
            "f:1:52: error: at least one certificate is needed"),
        .init(
            "listeners: [{name: a, port: 1, tls: {certificates: [{certificate: c}]}}]",
            "f:1:53: error: missing key `key`"),
        .init(
            "listeners: [{name: a, port: 1, tls: {certificates: [{certificate: c, key: k}], min_version: 1.1}}]",
            "f:1:93: error: expected one of `1.2`, `1.3`, found `1.1`; did you mean `1.2`?"),
        .init(
            "listeners: [{name: a, port: 1, tls: {certificates: [{certificate: c, key: k}], client_certificate: required}}]",
            "f:1:80: error: client certificates cannot be checked without `client_ca`; name the file with the authorities that sign them, or leave this key out"
        ),
        .init(
            "listeners: [{name: a, port: 1, tls: {certificates: [{certificate: c, key: k}], client_ca: c, client_certificate: maybe}}]",
            "f:1:114: error: expected one of `optional`, `required`, found `maybe`"),
        .init(
            "listeners: [{name: a, protocol: tcp, port: 1, tls: {certificates: [{certificate: c, key: k}], http2: true}}]",
            "f:1:102: error: HTTP/2 is spoken on listeners with `protocol: http` only; leave `http2` out"
        ),
        .init(
            "services: [{name: s, instances: [\"h:1\"], tls: {certificate: c}}]",
            "f:1:61: error: `certificate` without `key`; name the file with the certificate's private key"
        ),
        .init(
            "services: [{name: s, instances: [\"h:1\"], tls: {key: k}}]",
            "f:1:53: error: `key` without `certificate`; name the file with the key's certificate chain"
        ),
        .init(
            "services: [{name: s, instances: [\"h:1\"], tls: {server_name: \"https://h\"}}]",
            "f:1:61: error: expected a name as it stands in the service's certificate, found `https://h`; without scheme and port"
        ),
        .init(
            "services: [{name: s, instances: [\"h:1\"], tls: true}]",
            "f:1:47: error: expected a mapping (`key: value`), found `true`"),
    ]
}
