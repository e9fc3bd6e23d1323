import SluiceDiscovery
import SluiceDocuments

/// Where instances come from when the configuration does not list them.
extension ConfigurationDecoder {
    /// Exactly one of `consul`, `dns` and `nacos`.
    func decodeSource(_ value: DocumentValue, nameServers: [String]) -> SourceSettings? {
        guard let group = ConfigurationReader(value, sink) else { return nil }
        let kinds = ["consul", "dns", "nacos"].filter { group.mapping.contains($0) }
        let consul = decodeConsul(group.mapping.optional("consul"))
        let dns = decodeDNS(group.mapping.optional("dns"), nameServers)
        let nacos = decodeNacos(group.mapping.optional("nacos"))
        group.mapping.finish()
        guard kinds.count == 1 else {
            sink.error(
                kinds.isEmpty
                    ? "a source is missing"
                    : "\(kinds.map { "`\($0)`" }.joined(separator: " and ")) are two sources",
                at: value.position, hint: "give one of `consul`, `dns` and `nacos`")
            return nil
        }
        return consul ?? dns ?? nacos
    }

    private func decodeConsul(_ value: DocumentValue?) -> SourceSettings? {
        guard let group = ConfigurationReader(value, sink) else { return nil }
        let service = group.mapping.required("service")?.nonEmptyString(sink, maxCharacters: 128)
        let query = ConsulQuery(
            service: service ?? "", tags: texts(group, "tags"),
            datacenter: group.string("datacenter", default: ""),
            passingOnly: group.boolean("passing_only", default: true))
        group.mapping.finish()
        return service == nil ? nil : .consul(query)
    }

    private func decodeNacos(_ value: DocumentValue?) -> SourceSettings? {
        guard let group = ConfigurationReader(value, sink) else { return nil }
        let service = group.mapping.required("service")?.nonEmptyString(sink, maxCharacters: 128)
        let query = NacosQuery(
            service: service ?? "", group: group.string("group", default: "DEFAULT_GROUP"),
            namespace: group.string("namespace", default: ""),
            clusters: texts(group, "clusters"),
            healthyOnly: group.boolean("healthy_only", default: true))
        group.mapping.finish()
        return service == nil ? nil : .nacos(query)
    }

    private func decodeDNS(_ value: DocumentValue?, _ nameServers: [String]) -> SourceSettings? {
        guard let group = ConfigurationReader(value, sink) else { return nil }
        let name = group.mapping.required("name").flatMap { dnsName($0) }
        let kinds = Dictionary(
            uniqueKeysWithValues: DNSQuestion.Kind.allCases.map { ($0.rawValue, $0) })
        let kind = group.mapping.required("type")?.choice(sink, of: kinds)
        let port = group.integer("port", default: 0, in: 1...65_535)
        let minimum = group.milliseconds("min_ttl", default: 1_000, in: 100...86_400_000)
        let maximum = group.milliseconds("max_ttl", default: 60_000, in: 100...86_400_000)
        if minimum > maximum {
            sink.error(
                "`min_ttl` is longer than `max_ttl`", at: group.place("min_ttl"),
                hint: "`max_ttl` is \(durationText(nanoseconds: maximum * 1_000_000))")
        }
        if let kind, kind != .srv, !group.mapping.contains("port") {
            sink.error(
                "`\(kind.rawValue)` records name no port", at: group.place("type"),
                hint: "add `port`, or ask for `srv`")
        }
        if kind == .srv, group.mapping.contains("port") {
            sink.error(
                "`srv` records bring their own port", at: group.place("port"), hint: "leave it out")
        }
        group.mapping.finish()
        guard let name, let kind else { return nil }
        return .dns(
            DNSQuestion(
                name: name, kind: kind, port: port, servers: nameServers,
                minTTLMilliseconds: minimum, maxTTLMilliseconds: maximum))
    }

    private func dnsName(_ value: DocumentValue) -> String? {
        guard let text = value.nonEmptyString(sink, maxCharacters: 253) else { return nil }
        let isPlain = text.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
                || (0x61...0x7A).contains(byte) || [0x2D, 0x2E, 0x5F].contains(byte)
        }
        guard isPlain, DNSMessage.question(text, .a, id: 0) != nil else {
            return value.expected(
                "a whole name like user.internal or _chat._tcp.example.com", sink)
        }
        return text
    }

    func texts(_ group: ConfigurationReader, _ key: String) -> [String] {
        (group.mapping.optional(key)?.list(sink) ?? []).compactMap {
            $0.nonEmptyString(sink, maxCharacters: 128)
        }
    }
}
