import SluiceVocabulary

/// Makes requests of journal entries.
struct ReplayEntryReader {
    /// What an entry is to a replay.
    enum Result {
        case entry(ReplayEntry)
        case excluded(ReplayExclusion, weight: Int64)
        /// So many entries before this one were lost.
        case dropped(Int64)
        /// Nothing that concerns the policy.
        case other
        /// An entry of the gateway without what every such entry has.
        case broken
    }

    /// `MessageID.started` of Telemetry.
    static let startedID = "d620427bbfe44949ad605dde70c562b1"
    /// Refusals of requests that the policy had let through.
    private static let afterPolicy: Set<String> = Set(
        [
            RefusalKind.badCredentials, .commandNotFound, .timedOut, .serviceUnavailable,
            .internalError, .badUpstreamAnswer, .overloaded,
        ].map(\.name) + ["client_gone"])
    private static let logout = Int64(GatewayCommand.logout.rawValue)
    private static let firstCommand = Int64(GatewayCommand.firstApplicationCommand)
    private static let transports = Dictionary(
        uniqueKeysWithValues: Transport.allCases.map { ($0.name, $0) })

    private var number = 0
    private var processes: [String: Int] = [:]
    /// Stands for whoever wrote entries that name no process: lines on standard error.
    private(set) var unnamedProcess: Int?
    private var lastProcess: (boot: String?, process: String?, index: Int)?

    mutating func read(_ fields: ReplayFields) -> Result {
        number += 1
        // An export may hold the entries of other programs.
        guard let event = fields[.event] else { return fields[.time] == nil ? .other : .broken }
        let process = process(of: fields)
        guard let time = fields.number(.time), time >= 0 else { return .broken }
        switch event {
        case "request", "login", "open": break
        case "close":
            let entry = ReplayEntry(time: time, step: .close, number: number, process: process)
            entry.connection = fields[.connection] ?? ""
            return .entry(entry)
        case "push": return .excluded(.push, weight: fields.number(.weight) ?? 1)
        case "admin": return .excluded(.admin, weight: fields.number(.weight) ?? 1)
        case "gateway":
            if fields[.messageID] == Self.startedID {
                return .entry(
                    ReplayEntry(time: time, step: .start, number: number, process: process))
            }
            return fields.number(.dropped).map(Result.dropped) ?? .other
        default: return .other
        }
        return request(
            fields, event,
            ReplayEntry(
                time: time, step: .request, number: number, process: process))
    }

    private mutating func process(of fields: ReplayFields) -> Int {
        let (boot, process) = (fields[.boot], fields[.process])
        if let lastProcess, lastProcess.boot == boot, lastProcess.process == process {
            return lastProcess.index
        }
        let name = "\(boot ?? "")/\(process ?? "")"
        let index = processes[name] ?? processes.count
        processes[name] = index
        if process == nil { unnamedProcess = index }
        lastProcess = (boot, process, index)
        return index
    }

    private func request(
        _ fields: ReplayFields, _ event: String, _ entry: ReplayEntry
    ) -> Result {
        guard let action = fields[.action], let outcome = fields[.outcome] else { return .broken }
        let weight = fields.number(.weight) ?? 1
        guard weight >= 1 else { return .broken }
        guard let client = fields[.client], let transport = fields[.transport] else {
            return .excluded(.sampledOut, weight: weight)
        }
        guard let way = Self.transports[transport] else { return .broken }
        // A connection that came to be has an entry of its own, and maybe one of its first frame.
        let isConnect = action == ActionCatalog.builtIn[ActionID.sessionConnect.index]
        let isOK = outcome == "ok"
        if isConnect, isOK != (event == "open") {
            return isOK ? .other : request(refused: fields, action, entry, client, way, weight)
        }
        if isOK || fields[.refusal] == nil && outcome == "error" {
            if fields.number(.command) == Self.logout {
                return .excluded(.beforePolicy, weight: weight)
            }
            fill(entry, fields, action, client, way, weight)
            return .entry(entry)
        }
        return request(refused: fields, action, entry, client, way, weight)
    }

    private func request(
        refused fields: ReplayFields, _ action: String, _ entry: ReplayEntry, _ client: String,
        _ transport: Transport, _ weight: Int64
    ) -> Result {
        let refusal = fields[.refusal] ?? ""
        let command = fields.number(.command) ?? 0
        let isOwn = command > 0 && command < Self.firstCommand
        switch refusal {
        case RefusalKind.permissionDenied.name, RefusalKind.rateLimited.name,
            RefusalKind.tooLarge.name:
            guard let rule = fields[.rule] else { return .excluded(.beforePolicy, weight: weight) }
            entry.decision = .refused(rule: rule)
        case RefusalKind.commandNotFound.name where isOwn:
            return .excluded(.beforePolicy, weight: weight)
        case _ where Self.afterPolicy.contains(refusal): break
        default: return .excluded(.beforePolicy, weight: weight)
        }
        fill(entry, fields, action, client, transport, weight)
        return .entry(entry)
    }

    private func fill(
        _ entry: ReplayEntry, _ fields: ReplayFields, _ action: String, _ client: String,
        _ transport: Transport, _ weight: Int64
    ) {
        let isConnect = action == ActionCatalog.builtIn[ActionID.sessionConnect.index]
        entry.action = action
        entry.client = client
        entry.weight = weight
        // A connection that is refused is still a request of HTTP when the journal hears of it.
        entry.transport = isConnect && transport == .http ? .websocket : transport
        // Over HTTP `user` is who came of it; who asked was nobody yet.
        let isLogin = action.hasPrefix("auth.") && transport == .http
        entry.user = isLogin ? nil : fields[.user]
        entry.claims = entry.user == nil ? "" : fields[.claims] ?? ""
        entry.device = fields[.device] ?? ""
        entry.platform = fields[.platform] ?? ""
        entry.app = fields[.app] ?? ""
        entry.connection = fields[.connection] ?? ""
        entry.requestID = fields[.requestID] ?? ""
        entry.topic = fields[.topic]
        entry.method = fields[.method]
        let bytes = fields.number(.payloadBytes)
        // A connection has no payload.
        entry.knowsBytes = bytes != nil || isConnect
        entry.bytes = Int(clamping: max(0, bytes ?? fields.number(.bytesIn) ?? 0))
        entry.durationMicroseconds = max(0, fields.number(.duration) ?? 0)
        entry.policy = fields[.policy] ?? ""
    }
}
