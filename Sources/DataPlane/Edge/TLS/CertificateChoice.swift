/// Which of several certificates a client gets: the one whose names hold the name it asks for.
///
/// Names are compared as RFC 9525 section 6.3 says: without regard to case, a wildcard stands for
/// the whole leftmost label and for no other.
package struct CertificateChoice: Sendable {
    private var exact: [String: Int] = [:]
    /// `example.com` for `*.example.com`.
    private var wildcards: [String: Int] = [:]

    package init() {}

    /// Lets a name choose a certificate.
    ///
    /// - Parameter certificate: its place in the list.
    /// - Returns: the place of the certificate that has the name already; nothing has changed then.
    package mutating func add(_ name: String, for certificate: Int) -> Int? {
        let name = Self.normal(name)
        if name.hasPrefix("*.") {
            let parent = String(name.dropFirst(2))
            if let known = wildcards[parent] { return known }
            wildcards[parent] = certificate
        } else {
            if let known = exact[name] { return known }
            exact[name] = certificate
        }
        return nil
    }

    /// The certificate for a client that asks for `name` (RFC 6066 section 3); the first for one
    /// that asks for none, or for a name no certificate has.
    package func certificate(for name: String?) -> Int {
        guard let name else { return 0 }
        let wanted = Self.normal(name)
        if let found = exact[wanted] { return found }
        guard let dot = wanted.firstIndex(of: "."), dot != wanted.startIndex else { return 0 }
        return wildcards[String(wanted[wanted.index(after: dot)...])] ?? 0
    }

    private static func normal(_ name: String) -> String {
        let name = name.lowercased()
        return name.hasSuffix(".") ? String(name.dropLast()) : name
    }
}
