import SluiceDocuments
import SluiceIdentity

/// Who is asked about tokens and users: a key source and commands of services.
extension ConfigurationDecoder {
    func decodeKeySource(_ group: ConfigurationReader) -> Configuration.KeySource? {
        let url = group.string("url", default: "")
        let algorithms = group.mapping.optional("algorithms").map { value in
            (value.list(sink) ?? []).compactMap { item -> SignatureAlgorithm? in
                guard let found = algorithm(item) else { return nil }
                guard found.family != .hmac else {
                    sink.error(
                        "a key source shows its keys to everybody, so `\(item.text)` cannot be "
                            + "among its algorithms", at: item.position)
                    return nil
                }
                return found
            }
        }
        let source = Configuration.KeySource(
            url: url,
            refreshMilliseconds: group.milliseconds(
                "refresh", default: 300_000, in: 1_000...86_400_000),
            timeoutMilliseconds: group.milliseconds("timeout", default: 5_000, in: 100...60_000),
            algorithms: algorithms ?? [.rs256, .es256, .edDSA],
            authorityFile: group.string("ca", default: ""))
        if !url.isEmpty { checkKeySource(source, group) }
        group.mapping.finish()
        return url.isEmpty ? nil : source
    }

    private func checkKeySource(_ source: Configuration.KeySource, _ group: ConfigurationReader) {
        if source.algorithms.isEmpty, !sink.hasErrors {
            sink.error(
                "no algorithm is left for the keys of the source", at: group.place("algorithms"),
                hint: "name at least one, like RS256")
        }
        let parts = source.url.split(separator: ":", maxSplits: 1).map(String.init)
        let rest = parts.count == 2 ? parts[1] : ""
        let host = rest.dropFirst(2).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let name =
            host.hasPrefix("[") ? host.prefix { $0 != "]" }.dropFirst() : host.prefix { $0 != ":" }
        guard rest.hasPrefix("//"), !host.isEmpty, !host.contains("@"),
            ["http", "https"].contains(parts[0])
        else {
            sink.error(
                "expected an https address without user and password",
                at: group.place("url"), hint: "write https://id.example/jwks.json or the like")
            return
        }
        let isLoopback = name == "localhost" || name == "::1" || name.hasPrefix("127.")
        if parts[0] == "http", !isLoopback {
            sink.error(
                "keys over plain http could be anybody's", at: group.place("url"),
                hint: "use https; http is for loopback alone")
        }
    }

    func decodeOpaque(_ group: ConfigurationReader) -> OpaqueRules? {
        let rules = OpaqueRules(
            command: group.string("command", default: ""),
            ttlMilliseconds: group.milliseconds("ttl", default: 30_000, in: 0...86_400_000),
            negativeTTLMilliseconds: group.milliseconds(
                "negative_ttl", default: 5_000, in: 0...3_600_000))
        group.mapping.finish()
        return rules.command.isEmpty ? nil : rules
    }

    func decodeUserCheck(_ group: ConfigurationReader) -> UserCheckRules? {
        let rules = UserCheckRules(
            command: group.string("command", default: ""),
            ttlMilliseconds: group.milliseconds("ttl", default: 60_000, in: 0...86_400_000),
            negativeTTLMilliseconds: group.milliseconds(
                "negative_ttl", default: 5_000, in: 0...3_600_000),
            staleTTLMilliseconds: group.milliseconds(
                "stale_ttl", default: 600_000, in: 0...604_800_000))
        if rules.staleTTLMilliseconds < rules.ttlMilliseconds {
            sink.error(
                "a stale answer would end before a fresh one does", at: group.place("stale_ttl"),
                hint: "make it at least `ttl`")
        }
        group.mapping.finish()
        return rules.command.isEmpty ? nil : rules
    }

    /// Both are commands that only the gateway sends.
    func checkStanding(
        _ identity: Configuration.Identity, _ commands: [Configuration.Command],
        _ group: ConfigurationReader
    ) {
        let wanted = [
            ("opaque", identity.opaque?.command), ("user_check", identity.userCheck?.command),
        ]
        for case (let key, let name?) in wanted {
            let place = group.group(key).place("command")
            guard let command = commands.first(where: { $0.name == name }) else {
                sink.error(
                    "there is no command `\(name)`", at: place,
                    hint: suggestion(for: name, among: commands.map(\.name)))
                continue
            }
            if command.from != .gateway {
                sink.error(
                    "the command `\(name)` is not the gateway's own", at: place,
                    hint: "declare it with `from: gateway`")
            }
        }
    }
}
