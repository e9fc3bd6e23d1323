import SluiceDocuments
import SluiceEdge
import SluiceVocabulary

/// Services and the commands they offer.
extension ConfigurationDecoder {
    /// Absent = none: a gateway without services still serves connections and metrics.
    func decodeServices(
        _ value: DocumentValue?, _ registries: Configuration.Registries
    ) -> [Configuration.Service] {
        var names = Duplicates<String>()
        return items(value) { item -> Configuration.Service? in
            let name = item.name("name")
            if let name {
                names.check(name, "service name `\(name)`", at: item.place("name"), sink)
            }
            let link = item.mapping.optional("link").map { self.link($0) } ?? "native"
            let http = decodeHTTPLink(item, link: link)
            let discovery = item.mapping.optional("discovery").flatMap {
                decodeSource($0, nameServers: registries.nameServers)
            }
            let instances = decodeInstances(
                item.mapping.contains("discovery")
                    ? item.mapping.optional("instances") : item.mapping.required("instances"))
            let timeout = item.milliseconds("connect_timeout", default: 1_000, in: 10...60_000)
            let backoff = item.group("backoff")
            let minimum = backoff.milliseconds("min", default: 50, in: 1...60_000)
            let maximum = backoff.milliseconds("max", default: 2_000, in: 1...600_000)
            if minimum > maximum {
                sink.error(
                    "`min` is longer than `max`", at: backoff.place("min"),
                    hint: "`max` is \(durationText(nanoseconds: maximum * 1_000_000))")
            }
            backoff.mapping.finish()
            let failover = decodeFailover(item, link: link)
            let tls = decodeServiceTLS(item.mapping.optional("tls"))
            guard let name else { return nil }
            return Configuration.Service(
                name: name, link: link ?? "native", instances: instances,
                connectTimeoutMilliseconds: timeout, backoffMinimumMilliseconds: minimum,
                backoffMaximumMilliseconds: maximum, tls: tls, http: http, discovery: discovery,
                failover: failover)
        } ?? []
    }

    /// What only `link: http` has.
    private func decodeHTTPLink(
        _ item: ConfigurationReader, link: String?
    ) -> Configuration.Service.HTTPLink? {
        let path = item.mapping.optional("base_path").flatMap { basePath($0) }
        let connections = item.integer("max_connections", default: 32, in: 1...10_000)
        let isHTTP2 = item.boolean("http2", default: false)
        if link == "http" {
            return Configuration.Service.HTTPLink(
                basePath: path ?? "/commands", maxConnections: connections, isHTTP2: isHTTP2)
        }
        for key in ["base_path", "http2", "max_connections"]
        where link != nil && item.mapping.contains(key) {
            sink.error(
                "`\(key)` is for HTTP links", at: item.place(key), hint: "add `link: http`")
        }
        return nil
    }

    /// `/` is the same as nothing; a `/` at the end is taken off.
    private func basePath(_ value: DocumentValue) -> String? {
        guard let text = value.nonEmptyString(sink, maxCharacters: 256) else { return nil }
        guard let path = RoutePath.normal(text), path == text else {
            return value.expected("a path like /commands", sink)
        }
        return path.hasSuffix("/") ? String(path.dropLast()) : path
    }

    private func link(_ value: DocumentValue) -> String? {
        value.choice(sink, of: ["native": "native", "http": "http", "grpc": "grpc"])
    }

    private func decodeInstances(_ value: DocumentValue?) -> [Configuration.Instance] {
        guard let value, let list = value.list(sink) else { return [] }
        if list.isEmpty { sink.error("at least one instance is needed", at: value.position) }
        var seen = Duplicates<String>()
        return list.compactMap { item in
            guard let text = item.string(sink) else { return nil }
            guard let instance = Self.weightedInstance(text) else {
                return item.expected(
                    "an instance like 127.0.0.1:9101, [::1]:9101 or host.example:9101 weight=2",
                    sink)
            }
            seen.check(instance.text, "instance `\(instance.text)`", at: item.position, sink)
            return instance
        }
    }

    /// `host:port`, or `host:port weight=2`: 1 to 1,000.
    static func weightedInstance(_ text: String) -> Configuration.Instance? {
        guard let space = text.firstIndex(of: " ") else { return instance(text) }
        let word = text[text.index(after: space)...]
        guard word.hasPrefix("weight="), word.dropFirst(7).allSatisfy(\.isNumber),
            let weight = Int(word.dropFirst(7)), (1...1_000).contains(weight),
            var instance = instance(String(text[..<space]))
        else { return nil }
        instance.weight = weight
        return instance
    }

    /// `host:port`; an IPv6 address stands in brackets.
    static func instance(_ text: String) -> Configuration.Instance? {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...]),
            port > 0, text[text.index(after: colon)...].allSatisfy(\.isNumber)
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("[") && host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard host.contains(":"), host.allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." })
            else { return nil }
        } else {
            guard host.utf8.count <= 253, host.first != "-",
                host.utf8.allSatisfy({ isHostByte($0) })
            else { return nil }
        }
        return host.isEmpty ? nil : Configuration.Instance(host: String(host), port: Int(port))
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || byte == 0x2D || byte == 0x2E || byte == 0x5F
    }

    func decodeCommands(
        _ value: DocumentValue?, services: [String], limits: Limits
    ) -> [Configuration.Command] {
        var ids = Duplicates<UInt32>()
        var names = Duplicates<String>()
        return items(value) { item -> Configuration.Command? in
            let id = commandID(item)
            let name = commandName(item)
            if let id { ids.check(id, "command id \(id)", at: item.place("id"), sink) }
            if let name {
                names.check(name, "command name `\(name)`", at: item.place("name"), sink)
            }
            let service = item.mapping.required("service")?.nonEmptyString(sink, maxCharacters: 64)
            if let service, !services.contains(service) {
                sink.error(
                    "there is no service `\(service)`", at: item.place("service"),
                    hint: suggestion(for: service, among: services) ?? "add it under `services`")
            }
            let origins = Configuration.Command.Origin.allCases.map { ($0.rawValue, $0) }
            let from = item.mapping.optional("from").map {
                $0.choice(sink, of: Dictionary(uniqueKeysWithValues: origins))
            }
            let maxBytes = item.bytes(
                "max_bytes", default: limits.maxFrameBytes, in: 0...16_777_216)
            if maxBytes > limits.maxFrameBytes, item.mapping.contains("max_bytes"),
                from ?? .client == .client
            {
                sink.warning(
                    "`max_bytes` is never reached: a message ends at \(limits.maxFrameBytes) bytes",
                    at: item.place("max_bytes"),
                    hint: "raise `limits.max_frame_bytes` or lower this")
            }
            let timeout = item.milliseconds("timeout", default: 5_000, in: 10...600_000)
            let isOrdered = item.boolean("ordered", default: true)
            let isRetrySafe = item.boolean("retry_safe", default: false)
            guard let id, let name, let service else { return nil }
            return Configuration.Command(
                id: id, name: name, service: service, from: (from ?? .client) ?? .client,
                timeoutMilliseconds: timeout, isOrdered: isOrdered, isRetrySafe: isRetrySafe,
                maxBytes: maxBytes)
        } ?? []
    }

    private func commandID(_ item: ConfigurationReader) -> UInt32? {
        guard let value = item.mapping.required("id"),
            let id = value.integer(sink, in: 0...Int64(UInt32.max))
        else { return nil }
        guard id >= 100 else {
            sink.error(
                "command ids up to 99 are the gateway's own", at: value.position,
                hint: "use 100 or more")
            return nil
        }
        return UInt32(id)
    }

    /// A command's name is an action of policies, so it must not be one of the gateway's own.
    private func commandName(_ item: ConfigurationReader) -> String? {
        guard let name = item.name("name") else { return nil }
        if ActionCatalog.builtIn.contains(name) || name.hasPrefix("admin.") {
            sink.error(
                "`\(name)` is an action of the gateway itself", at: item.place("name"),
                hint: "choose another name")
        }
        return name
    }
}
