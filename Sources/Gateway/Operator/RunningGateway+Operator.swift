import NIOCore
import SluiceEdge
import SluiceFraming
import SluicePolicy
import SluiceSessions
import SluiceVocabulary

/// What an operator may ask of the loops. Each answer is nil only when the loops have stopped.
extension RunningGateway {
    func push(_ message: PushMessage, to targets: PushTargets) async -> PushResult? {
        guard let unit = units.first else { return nil }
        let answer = unit.loop.makePromise(of: PushResult.self)
        unit.loop.execute {
            unit.edge.value.push(message, to: targets) { answer.succeed($0) }
        }
        return try? await answer.futureResult.get()
    }

    /// Whether the policy's limits let a call of the operator through; what it holds until
    /// `operatorCallIsOver`.
    func limitOperatorCall(bytes: Int) async -> Result<Lease, Refusal>? {
        guard let unit = units.first else { return nil }
        return try? await unit.loop.submit {
            unit.edge.value.limitOperatorCall(bytes: bytes)
        }.get()
    }

    func operatorCallIsOver(_ lease: Lease) {
        guard !lease.isNone, let unit = units.first else { return }
        unit.loop.execute { unit.edge.value.operatorCallIsOver(lease) }
    }

    /// A user's connections, oldest entry first; one that goes meanwhile is left out.
    func connections(
        of user: String
    ) async -> [(entry: SessionEntry, summary: ConnectionSummary)]? {
        guard let entries = try? await hub.entries(of: user) else { return nil }
        var found: [(entry: SessionEntry, summary: ConnectionSummary)] = []
        for entry in entries {
            let unit = units[entry.connection.loop]
            let summary = try? await unit.loop.submit {
                unit.edge.value.describe(entry.connection)
            }.get()
            if let summary { found.append((entry, summary)) }
        }
        return found
    }

    /// Closes those of a user's connections that are meant, and returns how many that were.
    func kick(
        _ user: String, where isMeant: @escaping @Sendable (SessionEntry) -> Bool
    ) async -> Int? {
        guard let entries = try? await hub.entries(of: user) else { return nil }
        var kicked = 0
        for entry in entries where isMeant(entry) {
            let unit = units[entry.connection.loop]
            let isDone = try? await unit.loop.submit {
                unit.edge.value.kick(entry.connection, Kicked(reason: "operator"), .revoked)
            }.get()
            if isDone == true { kicked += 1 }
        }
        return kicked
    }
}
