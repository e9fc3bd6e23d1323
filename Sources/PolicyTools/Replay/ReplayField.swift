/// The fields of a journal entry that a replay looks at, by their place among those it asks for.
///
/// docs/observability.md says what each holds.
enum ReplayField: Int, CaseIterable {
    case boot, process, messageID, event, requestID, connection, transport, action, command, user
    case device, platform, app, client, outcome, refusal, rule, duration, payloadBytes, bytesIn
    case topic, method, time, policy, weight, claims, dropped

    var name: String {
        switch self {
        case .boot: "_BOOT_ID"
        case .process: "_PID"
        case .messageID: "MESSAGE_ID"
        case .event: "SLUICE_EVENT"
        case .requestID: "SLUICE_REQUEST_ID"
        case .connection: "SLUICE_CONNECTION_ID"
        case .transport: "SLUICE_TRANSPORT"
        case .action: "SLUICE_ACTION"
        case .command: "SLUICE_COMMAND"
        case .user: "SLUICE_USER"
        case .device: "SLUICE_DEVICE"
        case .platform: "SLUICE_PLATFORM"
        case .app: "SLUICE_APP"
        case .client: "SLUICE_CLIENT"
        case .outcome: "SLUICE_OUTCOME"
        case .refusal: "SLUICE_REFUSAL"
        case .rule: "SLUICE_RULE"
        case .duration: "SLUICE_DURATION_US"
        case .payloadBytes: "SLUICE_PAYLOAD_BYTES"
        case .bytesIn: "SLUICE_BYTES_IN"
        case .topic: "SLUICE_TOPIC"
        case .method: "SLUICE_METHOD"
        case .time: "SLUICE_TIME_US"
        case .policy: "SLUICE_POLICY"
        case .weight: "SLUICE_WEIGHT"
        case .claims: "SLUICE_CLAIMS"
        case .dropped: "SLUICE_DROPPED"
        }
    }

    static let names = allCases.map(\.name)
}

/// The values of one entry, by field.
struct ReplayFields {
    let values: [String?]

    subscript(_ field: ReplayField) -> String? { values[field.rawValue] }

    func number(_ field: ReplayField) -> Int64? { values[field.rawValue].flatMap { Int64($0) } }
}
