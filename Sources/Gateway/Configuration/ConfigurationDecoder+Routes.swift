import SluiceDocuments
import SluiceEdge

/// Routes: what is passed on to services as it is.
extension ConfigurationDecoder {
    func decodeRoutes(
        _ value: DocumentValue?, services: [Configuration.Service]
    ) -> [Configuration.Route] {
        var names = Duplicates<String>()
        return items(value) { item -> Configuration.Route? in
            let name = item.name("name")
            if let name { names.check(name, "route name `\(name)`", at: item.place("name"), sink) }
            let prefix = item.mapping.required("prefix").flatMap { self.prefix($0) }
            let service = item.mapping.required("service").flatMap { self.service($0, services) }
            let rewrite = item.mapping.optional("rewrite").flatMap { path($0) }
            let kinds = Dictionary(
                uniqueKeysWithValues: Route.Authentication.allCases.map { ($0.rawValue, $0) })
            let authentication =
                item.mapping.optional("authentication")?.choice(sink, of: kinds) ?? .required
            let methods = item.mapping.optional("methods").flatMap { self.methods($0) }
            let headers = item.mapping.optional("headers").map { self.headers($0) } ?? [:]
            let webSocket = item.boolean("websocket", default: false)
            let timeout = item.milliseconds("timeout", default: 30_000, in: 100...3_600_000)
            let maxBody = item.bytes(
                "max_body_bytes", default: 104_857_600, in: 0...1_099_511_627_776)
            let forwards = item.boolean("forward_authorization", default: false)
            guard let name, let prefix, let service else { return nil }
            return Configuration.Route(
                name: name, prefix: prefix, methods: methods, headers: headers, service: service,
                rewrite: rewrite, authentication: authentication, webSocket: webSocket,
                timeoutMilliseconds: timeout, maxBodyBytes: maxBody,
                forwardsAuthorization: forwards)
        } ?? []
    }

    /// Routes and commands are actions of one policy.
    func checkActions(
        _ routes: [Configuration.Route], _ commands: [Configuration.Command],
        at place: SourcePosition
    ) {
        for route in routes
        where commands.contains(where: { $0.name == Route.actionName(route.name) }) {
            sink.error(
                "route `\(route.name)` and a command are both `\(Route.actionName(route.name))` to"
                    + " policies", at: place, hint: "rename one")
        }
    }

    /// A path in the form in which requests are matched.
    private func path(_ value: DocumentValue) -> String? {
        guard let text = value.nonEmptyString(sink, maxCharacters: 1_024) else { return nil }
        guard RoutePath.normal(text) == text else {
            return value.expected("a path like /media/, without `..`, `//` or needless `%`", sink)
        }
        return text
    }

    private func prefix(_ value: DocumentValue) -> String? {
        guard let path = path(value) else { return nil }
        guard path != "/ws", path != "/v1", !path.hasPrefix("/v1/") else {
            sink.error(
                "`\(path)` is a path of the gateway itself", at: value.position,
                hint: "/ws and /v1/ never reach a route")
            return nil
        }
        return path
    }

    private func service(
        _ value: DocumentValue, _ services: [Configuration.Service]
    ) -> String? {
        guard let name = value.nonEmptyString(sink, maxCharacters: 64) else { return nil }
        guard let service = services.first(where: { $0.name == name }) else {
            sink.error(
                "there is no service `\(name)`", at: value.position,
                hint: suggestion(for: name, among: services.map(\.name))
                    ?? "add it under `services`")
            return nil
        }
        if service.http == nil {
            sink.error(
                "service `\(name)` has \(service.link) links; a route needs HTTP",
                at: value.position,
                hint: "give the service `link: http`")
        }
        return name
    }

    private func methods(_ value: DocumentValue) -> [String]? {
        guard let list = value.list(sink) else { return nil }
        if list.isEmpty {
            sink.error("at least one method is needed", at: value.position, hint: "or leave it out")
        }
        return list.compactMap { item in
            guard let text = item.nonEmptyString(sink, maxCharacters: 32) else { return nil }
            guard text.utf8.allSatisfy({ (0x41...0x5A).contains($0) || $0 == 0x2D }),
                text != "CONNECT", text != "TRACE"
            else { return item.expected("a method like GET", sink) }
            return text
        }
    }

    /// `*` = the header is there, whatever its value.
    private func headers(_ value: DocumentValue) -> [String: String?] {
        guard let mapping = value.mapping(sink) else { return [:] }
        var headers: [String: String?] = [:]
        for entry in mapping.entries {
            guard let text = mapping.required(entry.key)?.nonEmptyString(sink) else { continue }
            let name = entry.key.lowercased()
            guard name.utf8.allSatisfy({ HeaderName.isToken($0) }) else {
                sink.error("`\(entry.key)` is not a header's name", at: entry.value.position)
                continue
            }
            headers[name] = .some(text == "*" ? nil : text)
        }
        return headers
    }
}

/// Names of header fields (RFC 9110 section 5.1).
private enum HeaderName {
    static func isToken(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte)
            || "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
}
