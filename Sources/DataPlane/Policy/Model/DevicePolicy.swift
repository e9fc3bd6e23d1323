/// `devices:`: how many connections of one user may be open at once.
package struct DevicePolicy: Sendable, Hashable {
    package enum Rule: Sendable, Hashable {
        case allowAll
        /// One connection for each class of devices.
        case onePerClass
        case oneInAll
        /// So many connections, at least 1.
        case max(Int)
    }

    package var rule = Rule.allowAll
    /// Class by platform. A platform in none is a class of its own.
    package var classByPlatform: [String: String] = [:]
    /// Over the rule the new connection is refused; else the oldest is closed.
    package var refusesNewer = false

    package init() {}

    /// The class of a platform.
    package func deviceClass(of platform: String) -> String {
        classByPlatform[platform] ?? platform
    }
}
