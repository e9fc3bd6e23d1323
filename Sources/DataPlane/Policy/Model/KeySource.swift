/// Where one part of a bucket's key comes from. A policy names it under `descriptors:`.
package enum KeySource: Sendable, Hashable {
    /// A claim of the token, by its path: `token.plan` is `["plan"]`.
    case claim([String])
    /// The device the client says it runs on.
    case device
    /// The session.
    case session
    /// The peer's address, cut to so many leading bits.
    case address(bits4: UInt8, bits6: UInt8)
    /// The topic of the message.
    case topic
    /// The account a login names.
    case loginUser

    /// False where the value can differ from one message of a connection to the next.
    package var isConstantPerConnection: Bool {
        switch self {
        case .claim, .device, .session, .address: true
        case .topic, .loginUser: false
        }
    }

    /// What the call must bring along for this source.
    package var needs: NeededFacts {
        switch self {
        case .topic: .topic
        case .loginUser: .loginUser
        case .claim, .device, .session, .address: []
        }
    }
}

/// Facts of a call that cost something to find and are looked at by few policies.
package struct NeededFacts: OptionSet, Sendable, Hashable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// `PolicyCall.topic` is looked at.
    package static let topic = Self(rawValue: 1)
    /// `PolicyCall.loginUser` is looked at.
    package static let loginUser = Self(rawValue: 2)
}
