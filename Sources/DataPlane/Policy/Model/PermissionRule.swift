/// Whom a permission rule speaks of.
package struct PrincipalMatch: Sendable, Hashable {
    /// One of these; empty asks for none.
    package var roles: [String]
    /// Every claim named must have one of its values.
    package var claims: [String: [String]]
    /// Whoever has not authenticated is meant too.
    package var includesAnonymous: Bool

    package init(
        roles: [String] = [], claims: [String: [String]] = [:], includesAnonymous: Bool = false
    ) {
        self.roles = roles
        self.claims = claims
        self.includesAnonymous = includesAnonymous
    }
}

/// What a permission rule says.
package enum PermissionEffect: UInt8, Sendable, Hashable { case permit, deny }

/// One entry of `permissions.rules:`, checked.
package struct PermissionRule: Sendable, Hashable {
    package var name: String
    package var effect: PermissionEffect
    /// A permit that names no principal means any authenticated one, a deny everyone.
    package var principal: PrincipalMatch
    package var actions: [ActionPattern]
    /// What must hold of the call besides; nil = nothing.
    package var when: Condition?
    /// Counts and tells what it would do, but does not do it.
    package var isShadow: Bool

    package init(
        name: String, effect: PermissionEffect, principal: PrincipalMatch, actions: [ActionPattern],
        when: Condition? = nil, isShadow: Bool = false
    ) {
        self.name = name
        self.effect = effect
        self.principal = principal
        self.actions = actions
        self.when = when
        self.isShadow = isShadow
    }
}
