/// A whole policy set as the language understood it: checked, not yet indexed.
package struct PolicyModel: Sendable, Hashable {
    package var name: String
    package var version: String
    /// Permits what no rule speaks of. The default says no.
    package var permitsByDefault: Bool
    package var limits: [LimitRule]
    package var permissions: [PermissionRule]
    package var logging: PolicyLogging

    package init(
        name: String = "", version: String = "", permitsByDefault: Bool = false,
        limits: [LimitRule] = [],
        permissions: [PermissionRule] = [], logging: PolicyLogging = PolicyLogging()
    ) {
        self.name = name
        self.version = version
        self.permitsByDefault = permitsByDefault
        self.limits = limits
        self.permissions = permissions
        self.logging = logging
    }
}

/// How many entries per second the access log may write, for the whole process.
package struct PolicyLogging: Sendable, Hashable {
    /// Entries of all kinds.
    package var budgetPerSecond: Int = 2_000
    /// Kept for refusals and errors.
    package var reservePerSecond: Int = 500

    package init() {}
}
