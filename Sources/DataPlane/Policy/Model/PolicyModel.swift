/// A whole policy set as the language understood it: checked, not yet indexed.
package struct PolicyModel: Sendable, Hashable {
    package var name: String
    package var version: String
    /// Permits what no rule speaks of. The default says no.
    package var permitsByDefault: Bool
    package var limits: [LimitRule]
    package var permissions: [PermissionRule]
    package var devices: DevicePolicy
    package var logging: PolicyLogging

    package init(
        name: String = "", version: String = "", permitsByDefault: Bool = false,
        limits: [LimitRule] = [], permissions: [PermissionRule] = [],
        devices: DevicePolicy = DevicePolicy(), logging: PolicyLogging = PolicyLogging()
    ) {
        self.name = name
        self.version = version
        self.permitsByDefault = permitsByDefault
        self.limits = limits
        self.permissions = permissions
        self.devices = devices
        self.logging = logging
    }
}
