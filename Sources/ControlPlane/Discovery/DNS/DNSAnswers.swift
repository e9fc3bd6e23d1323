/// What a set of records says about instances; pure, so that it can be held against RFC 2782.
package enum DNSAnswers {
    /// Aliases followed within one answer.
    static let maxAliases = 8

    /// Addresses of a name, through its aliases, with the shortest life of all records used.
    package static func addresses(
        of name: String, in records: [DNSRecord]
    ) -> (addresses: [[UInt8]], ttlSeconds: UInt32?) {
        let (name, aliasTTL) = followed(name, records)
        var ttl = aliasTTL
        var found: [[UInt8]] = []
        for record in records where record.name == name {
            guard case .address(let bytes) = record.content else { continue }
            found.append(bytes)
            ttl = min(ttl ?? .max, record.ttlSeconds)
        }
        return (found, ttl)
    }

    /// One target of SRV records.
    package struct Target: Sendable, Equatable {
        package let name: String
        package let port: Int
        package let weight: Int
        package let priority: UInt16
    }

    /// Targets of a name, the best priority first. A target `.` says that there is no such service.
    package static func targets(
        of name: String, in records: [DNSRecord]
    ) -> (targets: [Target], ttlSeconds: UInt32?) {
        let (name, aliasTTL) = followed(name, records)
        var ttl = aliasTTL
        var found: [Target] = []
        for record in records where record.name == name {
            guard case .service(let priority, let weight, let port, let target) = record.content
            else { continue }
            ttl = min(ttl ?? .max, record.ttlSeconds)
            guard !target.isEmpty, port > 0 else { continue }
            // Weight 0 means hardly ever, beside others (RFC 2782); 1 is the least we know.
            found.append(
                Target(
                    name: target, port: Int(port), weight: max(1, Int(weight)), priority: priority))
        }
        return (found.sorted { ($0.priority, $0.name) < ($1.priority, $1.name) }, ttl)
    }

    /// The name at the end of the aliases.
    private static func followed(
        _ name: String, _ records: [DNSRecord]
    ) -> (name: String, ttlSeconds: UInt32?) {
        var names = [(name.hasSuffix(".") ? String(name.dropLast()) : name).lowercased()]
        var ttl: UInt32?
        while names.count <= maxAliases {
            let alias = records.first { record in
                if case .alias = record.content { return record.name == names.last }
                return false
            }
            guard let alias, case .alias(let target) = alias.content, !names.contains(target) else {
                break
            }
            names.append(target)
            ttl = min(ttl ?? .max, alias.ttlSeconds)
        }
        return (names[names.count - 1], ttl)
    }

    /// `192.0.2.1`, or an IPv6 address in eight groups.
    package static func text(_ address: [UInt8]) -> String {
        if address.count == 4 { return address.map { "\($0)" }.joined(separator: ".") }
        return stride(from: 0, to: 16, by: 2).map { place in
            String(Int(address[place]) << 8 | Int(address[place + 1]), radix: 16)
        }.joined(separator: ":")
    }
}
