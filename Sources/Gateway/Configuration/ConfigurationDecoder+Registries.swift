import SluiceDiscovery
import SluiceDocuments
import SluiceEdge
import SluiceVocabulary

/// Where registries are, and what one of them is told about this gateway.
extension ConfigurationDecoder {
    func decodeRegistries(_ group: ConfigurationReader) -> Configuration.Registries {
        let dns = group.group("dns")
        let servers = (dns.mapping.optional("servers")?.list(sink) ?? []).compactMap {
            nameServer($0)
        }
        dns.mapping.finish()
        let registries = Configuration.Registries(
            consul: decodeRegistry(
                group.group("consul"), "http://127.0.0.1:8500", secret: "token_file", user: nil),
            nacos: decodeRegistry(
                group.group("nacos"), "http://127.0.0.1:8848", secret: "password_file",
                user: "user"),
            nameServers: servers,
            holdMilliseconds: group.milliseconds("hold", default: 30_000, in: 0...86_400_000))
        group.mapping.finish()
        return registries
    }

    private func decodeRegistry(
        _ group: ConfigurationReader, _ address: String, secret: String, user: String?
    ) -> Configuration.Registry {
        let registry = Configuration.Registry(
            address: group.mapping.optional("address").flatMap { registryAddress($0) } ?? address,
            authorityFile: group.string("ca", default: ""),
            user: user.map { group.string($0, default: "") } ?? "",
            secretFile: group.string(secret, default: ""))
        if !registry.secretFile.isEmpty, registry.address.hasPrefix("http://"),
            !Self.isLoopbackURL(registry.address)
        {
            sink.warning(
                "`\(secret)` goes over plain http, where others may read it",
                at: group.place("address"), hint: "use https, or an agent on this machine")
        }
        if !registry.authorityFile.isEmpty, registry.address.hasPrefix("http://") {
            sink.error(
                "`ca` is for https", at: group.place("ca"), hint: "write the address with https://")
        }
        group.mapping.finish()
        return registry
    }

    private static func isLoopbackURL(_ address: String) -> Bool {
        let place = address.dropFirst("http://".count)
        return place.hasPrefix("127.") || place.hasPrefix("[::1]") || place.hasPrefix("localhost:")
    }

    private func registryAddress(_ value: DocumentValue) -> String? {
        guard let text = value.nonEmptyString(sink, maxCharacters: 300) else { return nil }
        let scheme = ["http://", "https://"].first { text.hasPrefix($0) }
        guard let scheme, let place = Self.instance(String(text.dropFirst(scheme.count))) else {
            return value.expected(
                "an address like http://127.0.0.1:8500", sink, hint: "without a path")
        }
        return scheme + place.text
    }

    /// An IP address, with a port where that is not 53.
    private func nameServer(_ value: DocumentValue) -> String? {
        guard let text = value.nonEmptyString(sink, maxCharacters: 64) else { return nil }
        if IPAddress(text) != nil { return text.contains(":") ? "[\(text)]:53" : "\(text):53" }
        guard let place = Self.instance(text), IPAddress(place.host) != nil else {
            return value.expected("an IP address like 192.0.2.53 or 127.0.0.1:5353", sink)
        }
        return place.text
    }

    /// - Returns: nil when no registry is told.
    func decodeRegister(
        _ group: ConfigurationReader, _ listeners: [Configuration.Listener]
    ) -> Configuration.Register? {
        let kinds = Registration.Registry.allCases.map { ($0.rawValue, Optional($0)) }
        let registry =
            group.mapping.optional("registry")?.choice(
                sink, of: Dictionary(uniqueKeysWithValues: kinds + [("none", nil)])) ?? nil
        let listener = listeners.first { $0.kind == .http && !$0.address.hasPrefix("unix:") }
        var register = Configuration.Register(
            registry: registry ?? .consul,
            service: group.string("service", default: "sluice"),
            id: group.string("id", default: ""), address: group.string("address", default: ""),
            port: group.integer("port", default: 0, in: 0...65_535),
            weight: group.integer("weight", default: 100, in: 1...10_000),
            tags: texts(group, "tags"),
            ttlMilliseconds: group.milliseconds("ttl", default: 15_000, in: 1_000...3_600_000),
            group: group.string("group", default: "DEFAULT_GROUP"),
            namespace: group.string("namespace", default: ""),
            cluster: group.string("cluster", default: "DEFAULT"))
        group.mapping.finish()
        guard registry != nil else { return nil }
        if register.service.isEmpty {
            sink.error("the service's name is missing", at: group.place("service"))
        }
        if register.address.isEmpty, let listener, !["0.0.0.0", "::"].contains(listener.address) {
            register.address = listener.address
        }
        if Self.instance(
            register.address.contains(":") ? "[\(register.address)]:1" : register.address + ":1")
            == nil
        {
            sink.error(
                "where clients reach this gateway is not known", at: group.place("address"),
                hint: "write its IP address or name in `register.address`")
        }
        if register.port == 0, listener == nil {
            sink.error(
                "there is no HTTP listener whose port could be told", at: group.place("port"),
                hint: "write the port in `register.port`")
        }
        return register
    }
}
