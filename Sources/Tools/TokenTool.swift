import Foundation
import SluiceDocuments
import SluiceGateway
import SluiceIdentity
package import SluicePolicyTools
package import SluiceVocabulary

/// `sluice token issue`: a token as the gateway itself would make it, for tests and operators.
package struct TokenIssueTool: Sendable {
    package var configurationPath: String?
    package var environment: [String: String]
    package var user: String
    package var roles: [String]
    /// `name=value`; a name given twice becomes a list.
    package var claims: [String]
    /// A duration like `15m`; nil = `identity.issue.ttl`.
    package var ttl: String?
    /// `kid`; nil = `identity.issue.key`, else the first key.
    package var key: String?
    package var isJSON: Bool

    package init(
        configurationPath: String?, environment: [String: String], user: String, roles: [String],
        claims: [String], ttl: String?, key: String?, isJSON: Bool
    ) {
        self.configurationPath = configurationPath
        self.environment = environment
        self.user = user
        self.roles = roles
        self.claims = claims
        self.ttl = ttl
        self.key = key
        self.isJSON = isJSON
    }

    private struct Answer: Encodable {
        let token: String
        let expiresAt: Int64
        let refreshToken: String
        let userID: String

        enum CodingKeys: String, CodingKey {
            case token
            case expiresAt = "expires_at"
            case refreshToken = "refresh_token"
            case userID = "user_id"
        }
    }

    /// Issues the token; its text alone goes to standard output.
    package func run(now: WallTime) async throws -> ToolResult {
        let claims: [String: ClaimValue]
        let lifetime: Int64?
        switch parseClaims() {
        case .success(let parsed): claims = parsed
        case .failure(let complaint): return .usage(complaint.text)
        }
        switch parseTTL() {
        case .success(let seconds): lifetime = seconds
        case .failure(let complaint): return .usage(complaint.text)
        }
        do {
            let configuration = try Configuration.load(
                path: configurationPath, environment: environment
            ).0
            let issued = try await issue(
                configuration, claims: claims, ttlSeconds: lifetime, now: now)
            let answer = Answer(
                token: issued.token, expiresAt: issued.expiresAtSeconds,
                refreshToken: issued.refreshToken, userID: user)
            return ToolResult(output: isJSON ? try jsonText(answer) : issued.token)
        } catch let error as DiagnosticList {
            return .wrong(error)
        } catch let error as KeyError {
            return .usage(error.text)
        } catch let error as IssueError {
            return .usage(error.text)
        }
    }

    private func issue(
        _ configuration: Configuration, claims: [String: ClaimValue], ttlSeconds: Int64?,
        now: WallTime
    ) async throws -> IssuedToken {
        let identity = configuration.identity
        let kid = key ?? identity.issue?.key ?? identity.keys.first?.kid ?? ""
        guard let chosen = identity.keys.first(where: { $0.kid == kid }) else {
            throw KeyError.unknownKid(kid)
        }
        // Only the key that signs is read: the others may belong to somebody else.
        let material = try configuration.readKey(chosen)
        let issuer = try TokenIssuer(
            keys: try await KeySet.make([material]), kid: kid, issuer: identity.issuer,
            audience: identity.audience,
            ttlSeconds: ttlSeconds ?? identity.issue?.ttlSeconds ?? 900,
            refreshTTLSeconds: identity.issue?.refreshTTLSeconds ?? 2_592_000,
            leewaySeconds: identity.leewaySeconds,
            maxTokenBytes: configuration.limits.maxTokenBytes)
        return try issuer.issue(user: user, claims: claims, now: now)
    }

    private struct Complaint: Error {
        let text: String
    }

    private func parseClaims() -> Result<[String: ClaimValue], Complaint> {
        var parsed: [String: [String]] = [:]
        for claim in claims {
            guard let mark = claim.firstIndex(of: "="), mark != claim.startIndex else {
                return .failure(Complaint(text: "--claim wants name=value, found `\(claim)`"))
            }
            let name = String(claim[..<mark])
            if TokenIssuer.reservedClaims.contains(name) {
                return .failure(
                    Complaint(
                        text: "the claim `\(name)` is set by the gateway itself; leave it out"))
            }
            if name == "roles" {
                return .failure(Complaint(text: "give roles with --role, once for each"))
            }
            parsed[name, default: []].append(String(claim[claim.index(after: mark)...]))
        }
        var values = parsed.mapValues { texts -> ClaimValue in
            texts.count == 1 ? .string(texts[0]) : .array(texts.map { .string($0) })
        }
        if !roles.isEmpty { values["roles"] = .array(roles.map { .string($0) }) }
        return .success(values)
    }

    private func parseTTL() -> Result<Int64?, Complaint> {
        guard let ttl else { return .success(nil) }
        let sink = DiagnosticSink()
        let value = DocumentValue.untyped(ttl, at: SourcePosition(file: "--ttl"))
        let second: Int64 = 1_000_000_000
        guard let nanoseconds = value.duration(sink, in: second...365 * 86_400 * second) else {
            return .failure(
                Complaint(text: sink.list.diagnostics.first?.text ?? "--ttl is not a duration"))
        }
        return .success(nanoseconds / second)
    }
}

/// `sluice token inspect`: what a token says. It verifies nothing and says so.
package struct TokenInspectTool: Sendable {
    package var isJSON: Bool

    package init(isJSON: Bool) { self.isJSON = isJSON }

    /// - Parameter token: as given; white space around it is dropped.
    package func run(token: String, now: WallTime) -> ToolResult {
        let text = token.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !text.isEmpty else {
            return .usage(
                "no token given; name one, or pipe it: echo $TOKEN | sluice token inspect")
        }
        do throws(TokenError) {
            let inspection = try TokenInspection(Array(text.utf8))
            return ToolResult(
                output: isJSON ? Self.json(inspection) : Self.lines(inspection, now: now))
        } catch {
            return .failed(
                error == .tooLarge
                    ? "the token is larger than 64 KiB; nothing the gateway takes is"
                    : "this is not a JWT: three parts of base64url JSON, parted by dots; was it cut off?"
            )
        }
    }

    private static func json(_ inspection: TokenInspection) -> String {
        "{\n\"verified\": false,\n\"header\": \(inspection.headerText),\n\"claims\": \(inspection.claimsText)\n}"
    }

    private static func lines(_ inspection: TokenInspection, now: WallTime) -> String {
        var lines = [
            "NOT VERIFIED: anybody can write such a token; only the gateway checks its signature."
        ]
        lines += ["header " + inspection.headerText, "claims " + inspection.claimsText]
        for (name, word) in [("iat", "issued"), ("nbf", "not good before"), ("exp", "expires")] {
            guard case .integer(let seconds) = inspection.claims[name] else { continue }
            lines.append("\(word) \(moment(seconds)) (\(distance(seconds - now.seconds)))")
        }
        return lines.joined(separator: "\n")
    }

    private static func moment(_ seconds: Int64) -> String {
        // Beyond the year 9999 the formatter no longer writes what RFC 3339 knows.
        guard (0..<253_402_300_800).contains(seconds) else { return "\(seconds)" }
        return Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
    }

    private static func distance(_ seconds: Int64) -> String {
        guard abs(seconds) < 1_000_000_000 else { return seconds > 0 ? "far ahead" : "long ago" }
        let units: [(Int64, String)] = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")]
        let size = abs(seconds)
        let unit = units.first { size >= $0.0 } ?? (1, "s")
        let text = "\(size / unit.0)\(unit.1)"
        return seconds >= 0 ? "in \(text)" : "\(text) ago"
    }
}
