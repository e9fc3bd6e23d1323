import SluiceAdmin
import SluiceFraming
import SluicePolicy
import SluiceVocabulary

/// Calls that change something pass the policy's limits on `admin.call`. Who may make them is none of
/// its business: that says the socket or the token.
extension ControlRoom {
    func limited(_ route: AdminRoute) -> AdminRoute {
        guard route.isChanging else { return route }
        return route.within { [self] call, answer in
            switch await gateway.limitOperatorCall(bytes: call.body.count) {
            case nil: return .stopping
            case .failure(let refusal): return .refused(refusal)
            case .success(let lease):
                let response = await answer(call)
                gateway.operatorCallIsOver(lease)
                return response
            }
        }
    }
}

extension AdminResponse {
    /// What a limit of the policy refused, with the same members as clients are told.
    static func refused(_ refusal: Refusal) -> Self {
        let status = Int(refusal.kind.status)
        let rule = refusal.rule ?? ""
        var members: [(String, JSONValue)] = [
            ("type", .string(Self.quotaExceeded)), ("title", .string(refusal.kind.name)),
            ("status", .integer(Int64(status))), ("detail", .string(refusal.text)),
            ("name", .string(refusal.kind.name)), ("rule", .string(rule)),
            ("violated-policies", .array([.string(rule)])),
        ]
        let milliseconds = refusal.retryAfterMilliseconds
        if milliseconds > 0 {
            members.append(("retry_after_ms", .integer(Int64(clamping: milliseconds))))
        }
        var response = Self(
            status: status, contentType: "application/problem+json",
            body: JSONValue.object(members).text() + [UInt8(ascii: "\n")])
        if milliseconds > 0 { response.retryAfterSeconds = (milliseconds + 999) / 1_000 }
        response.summary = "refused by the limit \(rule)"
        return response
    }

    private static let quotaExceeded =
        "https://iana.org/assignments/http-problem-types#quota-exceeded"
}
