/// How the HTTP side treats proxies and browsers: `http:` in the configuration.
package struct HTTPSettings: Sendable, Equatable {
    /// Which field of a trusted proxy names the client.
    package enum ClientAddressField: String, Sendable, CaseIterable {
        /// X-Forwarded-For where it is present, else Forwarded.
        case auto
        case xForwardedFor = "x-forwarded-for"
        /// RFC 7239.
        case forwarded
    }

    package var clientAddress = ClientAddressField.auto
    package var origins = AllowedOrigins.any
    /// Whether a browser may send cookies and the like along; never together with any origin.
    package var allowsCredentials = false
    /// How long a browser may remember the answer to a preflight, in seconds.
    package var preflightSeconds: Int64 = 600
    /// Whether answers carry RateLimit and RateLimit-Policy.
    package var tellsRateLimits = true
    /// Whether clients are told which rule refused them, over WebSocket and TCP too.
    package var tellsRule = true

    package init() {}
}

/// The web pages that may use the gateway, by their origin (RFC 6454).
package struct AllowedOrigins: Sendable, Equatable {
    /// Every origin, even the opaque one of a file (`null`).
    package private(set) var isAny = false
    private var exact: [String] = []
    /// Scheme with `://`, and what the host ends with, the first dot included.
    private var subdomains: [Subdomains] = []

    private struct Subdomains: Sendable, Equatable {
        var scheme: String
        var suffix: String
    }

    package static let any: Self = {
        var origins = Self()
        origins.isAny = true
        return origins
    }()

    package init() {}

    /// Adds `*`, `https://chat.example.com`, `http://127.0.0.1:3000` or `https://*.example.com`.
    ///
    /// - Returns: false when the text is none of these.
    package mutating func add(_ text: String) -> Bool {
        guard text != "*" else {
            isAny = true
            return true
        }
        let lower = text.lowercased()
        guard let scheme = ["http://", "https://"].first(where: { lower.hasPrefix($0) }) else {
            return false
        }
        let host = lower.dropFirst(scheme.utf8.count)
        if host.hasPrefix("*.") {
            let suffix = host.dropFirst()
            guard suffix.dropFirst().contains("."), !suffix.contains("*"),
                HTTPCharacters.isHost(suffix.dropFirst())
            else { return false }
            subdomains.append(Subdomains(scheme: scheme, suffix: String(suffix)))
            return true
        }
        guard !host.contains("*"), HTTPCharacters.isHost(host) else { return false }
        exact.append(lower)
        return true
    }

    /// Whether a page of this origin may use the gateway.
    ///
    /// - Parameter origin: the field's value as the browser sent it.
    package func contains(_ origin: String) -> Bool {
        if isAny { return true }
        let lower = origin.lowercased()
        if exact.contains(lower) { return true }
        return subdomains.contains { entry in
            guard lower.hasPrefix(entry.scheme), lower.hasSuffix(entry.suffix) else { return false }
            let host = lower.dropFirst(entry.scheme.utf8.count)
            // At least one label in front of the dot, and nothing that ends the host earlier.
            return host.utf8.count > entry.suffix.utf8.count && HTTPCharacters.isHost(host)
        }
    }
}
