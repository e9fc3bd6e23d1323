import SluiceDocuments
import SluiceVocabulary

/// A document as a configuration; reports everything that is wrong with it.
///
/// Parts are read in the order in which they are checked against each other: commands name
/// services, and their sizes are held against the limits.
struct ConfigurationDecoder {
    let sink: DiagnosticSink

    /// - Returns: nil when the document is not a mapping. With errors in the sink the value is only
    ///   good for further checks.
    func decode(_ root: DocumentValue) -> Configuration? {
        guard let file = ConfigurationReader(root, sink) else { return nil }
        let limits = decodeLimits(file.group("limits"))
        let registries = decodeRegistries(file.group("registries"))
        let services = decodeServices(file.mapping.optional("services"), registries)
        let listeners = decodeListeners(file.mapping.optional("listeners"))
        let proxies = decodeTrustedProxies(file.mapping.optional("trusted_proxies"))
        let http = decodeHTTPSettings(file.group("http"))
        let admin = decodeAdmin(file.group("admin"), listeners: listeners)
        let telemetry = decodeTelemetry(file.group("telemetry"))
        let drain = file.group("drain")
        let deadline = drain.milliseconds("deadline", default: 30_000, in: 0...86_400_000)
        drain.mapping.finish()
        let commands = decodeCommands(
            file.mapping.optional("commands"), services: services.map(\.name), limits: limits)
        let routes = decodeRoutes(file.mapping.optional("routes"), services: services)
        checkActions(routes, commands, at: file.place("routes"))
        let policies = file.string("policies", default: "policies")
        if policies.isEmpty {
            sink.error("the directory of policies is missing", at: file.place("policies"))
        }
        let identity = decodeIdentity(file.group("identity"))
        checkStanding(identity, commands, file.group("identity"))
        let configuration = Configuration(
            listeners: listeners, trustedProxies: proxies, http: http, admin: admin,
            node: file.string("node", default: ""),
            // A connection's id has 8 bits for its loop.
            loops: file.integer("loops", default: 0, in: 0...256),
            policies: policies, pidFile: file.string("pid_file", default: ""),
            identity: identity, registries: registries,
            register: decodeRegister(file.group("register"), listeners), services: services,
            commands: commands, routes: routes, telemetry: telemetry, limits: limits,
            drainDeadlineMilliseconds: deadline)
        file.mapping.finish()
        return configuration
    }

    private func decodeTelemetry(_ group: ConfigurationReader) -> Configuration.Telemetry {
        let modes = Dictionary(
            uniqueKeysWithValues: Configuration.Telemetry.JournalMode.allCases.map {
                ($0.rawValue, $0)
            })
        let telemetry = Configuration.Telemetry(
            journal: group.mapping.optional("journal")?.choice(sink, of: modes) ?? .auto,
            metricsSeries: group.integer("metrics_series", default: 10_000, in: 100...1_000_000))
        group.mapping.finish()
        return telemetry
    }

    /// Reads a list item by item; an item that cannot be read is left out and has been reported.
    func items<T>(_ value: DocumentValue?, _ read: (ConfigurationReader) -> T?) -> [T]? {
        guard let value, let list = value.list(sink) else { return nil }
        return list.compactMap { item in
            guard let reader = ConfigurationReader(item, sink) else { return nil }
            let result = read(reader)
            reader.mapping.finish()
            return result
        }
    }
}

/// Tells when a name or number is used a second time, and where the first was.
struct Duplicates<Key: Hashable> {
    private var places: [Key: SourcePosition] = [:]

    mutating func check(
        _ key: Key, _ what: String, at place: SourcePosition, _ sink: DiagnosticSink
    ) {
        if let first = places[key] {
            sink.error("\(what) is used twice", at: place, hint: "it is at \(first.text) already")
        } else {
            places[key] = place
        }
    }
}
