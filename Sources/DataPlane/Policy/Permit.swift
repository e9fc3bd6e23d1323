package import SluiceVocabulary

/// Leave to hand a call to a service. Only a policy decision makes one, so that skipping the
/// decision does not compile: the initialiser is this module's alone.
package struct Permit: Sendable {
    /// The permission rule that permitted; `default` when no rule spoke of it, empty where
    /// permissions do not apply.
    package let rule: String
    /// Requests left under the tightest limit that counts requests; -1 when none applies.
    package let remaining: Int64
    /// The shadow rule that would have refused, if one would.
    package let shadowRule: String?

    /// Calls the gateway makes on its own behalf.
    package enum Own: Sendable { case login, userCheck, introspection, presence }

    /// Leave for a call of the gateway's own, which no client can ask for.
    package static func own(_: Own) -> Self { Self(rule: "own", remaining: -1, shadowRule: nil) }
}

/// What policy says to a call.
package enum PolicyVerdict: Sendable {
    case go(Permit)
    /// `permissionDenied` with the rule's name (`default` for the default verdict), `rateLimited`
    /// with the rule and the time of the limit that takes longest, or `tooLarge` with the limit whose
    /// whole burst is smaller than the call.
    case refuse(Refusal)
}
