import SluiceVocabulary

extension LimitFacts {
    /// The fields RateLimit-Policy and RateLimit, each a list of one item
    /// (draft-ietf-httpapi-ratelimit-headers-10 sections 3 and 4, RFC 9651 section 3.1).
    var fields: [(String, String)] {
        let name = Self.string(rule)
        var policy = "\(name);q=\(Self.integer(quota))"
        if windowSeconds > 0 { policy += ";w=\(Self.integer(windowSeconds))" }
        // `requests` is what a quota without a unit counts.
        switch unit {
        case .requests: break
        case .bytes: policy += ";qu=\"content-bytes\""
        case .concurrentRequests: policy += ";qu=\"concurrent-requests\""
        }
        var limit = "\(name);r=\(Self.integer(remaining))"
        if resetSeconds > 0 { limit += ";t=\(Self.integer(resetSeconds))" }
        return [("RateLimit-Policy", policy), ("RateLimit", limit)]
    }

    /// At most 15 digits, and none of the parameters may be negative (RFC 9651 section 3.3.1).
    private static func integer(_ value: Int64) -> Int64 {
        max(0, min(value, 999_999_999_999_999))
    }

    /// A String (RFC 9651 section 3.3.3): visible ASCII, with `"` and `\` escaped.
    private static func string(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case " "..."~": result.unicodeScalars.append(scalar)
            default: result += "?"
            }
        }
        return result + "\""
    }

    /// The same as clients may know it.
    func told(by settings: HTTPSettings) -> LimitFacts {
        guard !settings.tellsRule else { return self }
        return LimitFacts(
            rule: "limit", quota: quota, windowSeconds: windowSeconds, unit: unit,
            remaining: remaining, resetSeconds: resetSeconds)
    }
}

extension Refusal {
    /// The refusal as clients may know it: with the rule's name or without.
    func told(by settings: HTTPSettings) -> Self {
        guard rule != nil || limit != nil else { return self }
        var refusal = self
        if !settings.tellsRule { refusal.rule = nil }
        refusal.limit = settings.tellsRateLimits ? limit?.told(by: settings) : nil
        return refusal
    }
}
