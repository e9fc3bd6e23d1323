/// One instance of a service, as a source tells of it.
package struct DiscoveredInstance: Sendable, Equatable {
    /// An IP address or a host name.
    package var host: String
    package var port: Int
    /// Its share of the calls beside the others'; at least 1.
    package var weight: Int
    /// What the registry calls it; empty where it has no name.
    package var id: String
    /// Where it runs: a data centre, a zone, a cluster; empty = not told.
    package var zone: String
    package var tags: [String]
    /// What else the registry holds about it.
    package var metadata: [String: String]

    package init(
        host: String, port: Int, weight: Int = 1, id: String = "", zone: String = "",
        tags: [String] = [], metadata: [String: String] = [:]
    ) {
        self.host = host
        self.port = port
        self.weight = weight
        self.id = id
        self.zone = zone
        self.tags = tags
        self.metadata = metadata
    }

    /// `host:port`, with brackets around an IPv6 address: two with the same text are one instance.
    package var text: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// What a registry may say an instance is. Its words become labels, journal fields and addresses, so
/// they are held to a plain form first.
enum InstanceRules {
    /// Instances taken of one answer; the rest is left out and counted.
    static let maxInstances = 1_024
    static let weights = 1...65_535
    private static let maxText = 128

    static func weight(_ told: Int) -> Int {
        min(max(told, weights.lowerBound), weights.upperBound)
    }

    /// A host name or an IP address, and nothing that could be anything else.
    static func isHost(_ text: String) -> Bool {
        guard let first = text.utf8.first, text.utf8.count <= 253, first != UInt8(ascii: "-") else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            (0x30...0x3A).contains(byte) || (0x41...0x5A).contains(byte)
                || (0x61...0x7A).contains(byte) || byte == 0x2D || byte == 0x2E || byte == 0x5F
        } && (!text.contains(":") || text.utf8.allSatisfy { isAddressByte($0) })
    }

    private static func isAddressByte(_ byte: UInt8) -> Bool {
        (0x30...0x3A).contains(byte) || (0x41...0x46).contains(byte)
            || (0x61...0x66).contains(byte) || byte == 0x2E
    }

    /// One line of bounded length.
    static func plain(_ text: String) -> String {
        let kept = text.unicodeScalars.prefix(maxText).map { scalar in
            scalar.value < 0x20 || scalar.value == 0x7F ? Character(" ") : Character(scalar)
        }
        return String(kept)
    }

    /// Sorted, each place once, no more than `maxInstances`.
    static func tidy(_ list: [DiscoveredInstance]) -> (kept: [DiscoveredInstance], surplus: Int) {
        var seen: Set<String> = []
        let unique = list.filter { seen.insert($0.text).inserted }
            .sorted { ($0.host, $0.port) < ($1.host, $1.port) }
        return (Array(unique.prefix(maxInstances)), max(0, unique.count - maxInstances))
    }
}
