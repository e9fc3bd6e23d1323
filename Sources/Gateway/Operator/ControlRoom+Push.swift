import SluiceAdmin
import SluiceFraming
import SluiceSessions
import SluiceTelemetry
import SluiceVocabulary

/// `POST /v1/push`: an operator or a tool says something to clients.
extension ControlRoom {
    var pushCall: AdminRoute {
        AdminRoute(
            .post, "/v1/push", action: "admin.push",
            maxBodyBytes: settings.limits.maxAdminBodyBytes
        ) { [self] call in await push(call.body) }
    }

    private func push(_ body: [UInt8]) async -> AdminResponse {
        let command: PushCommand
        do throws(PushCommand.Problem) {
            command = try PushCommand(body, maxTargets: settings.limits.maxPushTargets)
        } catch {
            if error.status == 413 {
                settings.registry.counter(.limitExceeded, ["max_push_targets"], shard: 0)
                    .addShared()
            }
            return .problem(
                error.status, error.status == 413 ? "Content Too Large" : "Bad Request",
                error.detail, name: error.name)
        }
        guard let result = await gateway.push(command.message, to: command.targets) else {
            return .stopping
        }
        if let refusal = result.refusal { return .refused(refusal) }
        let counts: [(String, UInt32)] = [
            ("delivered", result.delivered), ("queued", result.queued), ("offline", result.offline),
        ]
        let told = counts.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
        let targets = command.targetCount.map { "\($0) targets" } ?? "all"
        return .json(
            Self.text(.object(counts.map { ($0.0, .integer(Int64($0.1))) })),
            summary: "cmd \(command.message.command) to \(targets): \(told)")
    }
}

extension AdminResponse {
    /// The event loops take no more work.
    static var stopping: Self {
        .problem(503, "Service Unavailable", "The gateway is stopping.", name: "stopping")
    }
}
