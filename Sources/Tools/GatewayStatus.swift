import Foundation

/// What `/v1/policy` of the admin port tells, as far as the commands need it.
struct GatewayStatus: Codable, Sendable, Equatable {
    var pid: Int32
    var name: String
    var version: String
    var revision: String
    var reload: Reload

    struct Reload: Codable, Sendable, Equatable {
        /// Reloads since start.
        var number: UInt64
        /// Signals received.
        var requested: UInt64
        /// Signals the last finished reload answers.
        var covered: UInt64
        /// `ok`, `unchanged` or `rejected`.
        var result: String
        var errors: [String]
        var warnings: [String]
        var needsRestart: [String]
        var added: [String]
        var changed: [String]
        var removed: [String]
        /// `old -> new`: limits that kept their buckets under a new name. Nil = an older gateway.
        var renamed: [String]?
        /// Limits that count otherwise now: their buckets started full. Nil = an older gateway.
        var restarted: [String]?
        var revision: String
        var durationMicroseconds: Int64

        enum CodingKeys: String, CodingKey {
            case number, requested, covered, result, errors, warnings, added, changed, removed
            case revision, renamed, restarted
            case needsRestart = "needs_restart"
            case durationMicroseconds = "duration_us"
        }
    }

    init(_ body: [UInt8]) throws {
        self = try JSONDecoder().decode(Self.self, from: Data(body))
    }
}
