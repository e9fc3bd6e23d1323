import SluicePolicy
import SluiceVocabulary

/// An explanation as `sluice policy explain --json` prints it.
struct ExplainRecord: Encodable {
    private let policy: PolicySourceRecord
    private let call: CallRecord
    private let caller: String
    private let time: String
    private let times: Int
    private let trace: TraceRecord

    private struct CallRecord: Encodable {
        let action: String
        let transport: String
        let bytes: Int
        let topic: String?
        let loginUser: String?
        let method: String?
        let headers: [String: String]

        enum CodingKeys: String, CodingKey {
            case action, transport, bytes, topic, method, headers
            case loginUser = "login_user"
        }
    }

    init(
        _ source: PolicySource, _ call: CallDescription, wall: WallTime, times: Int,
        _ trace: PolicyTrace
    ) {
        policy = PolicySourceRecord(source)
        self.call = CallRecord(
            action: call.action, transport: call.transport.name, bytes: call.bytes,
            topic: call.topic, loginUser: call.loginUser, method: call.method,
            headers: call.headers)
        caller = call.caller.text
        time = wall.text
        self.times = times
        self.trace = TraceRecord(trace)
    }
}
