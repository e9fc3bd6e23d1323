import SluicePolicy
import SluiceVocabulary

/// Somebody who calls, and how they are connected: a fixture of a policy test, or `explain`'s words.
struct Caller: Sendable, Hashable {
    /// The claim `sub`; nil = not authenticated.
    var user: String?
    var roles: [String] = []
    /// Claims besides `sub` and `roles`.
    var claims: [String: ClaimValue] = [:]
    var address: IPAddress
    /// Nil = what suits the call.
    var transport: Transport?
    /// A name of the session, or its 32 hexadecimal digits.
    var session: String?
    var device = Device()

    /// Nobody in particular, from an address that documents may use (RFC 5737).
    init() { address = IPAddress(value: 0xFFFF_C000_0201) }

    /// Keys of a fixture that are no claims.
    static let connectionKeys = [
        "address", "transport", "session", "device", "platform", "app",
    ]

    /// What the gateway would know of them once their token is verified.
    var principal: Principal? {
        guard let user else { return nil }
        var all = claims
        all["sub"] = .string(user)
        if !roles.isEmpty { all["roles"] = .array(roles.map(ClaimValue.string)) }
        return Principal(
            user: user, roles: roles, claims: all, expiresAtSeconds: nil, tokenID: nil)
    }

    /// The session's id. Whoever has authenticated has a session: one per user and device, if no
    /// other is named.
    var sessionID: SessionID? {
        if let session { return SessionID(text: session) ?? Self.id(of: session) }
        return user.map { Self.id(of: "\($0)/\(device.id)") }
    }

    /// A connection of theirs, new to the policy.
    func subject() -> PolicySubject {
        PolicySubject(
            address: address.bytes, principal: principal, session: sessionID, device: device)
    }

    /// Two words that follow from a name (FNV-1a), so that a test runs the same every time.
    private static func id(of name: String) -> SessionID {
        func word(_ start: UInt64) -> UInt64 {
            name.utf8.reduce(start) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        }
        return SessionID(high: word(0xCBF2_9CE4_8422_2325), low: word(0x9AE1_6A3B_2F90_404F))
    }
}
