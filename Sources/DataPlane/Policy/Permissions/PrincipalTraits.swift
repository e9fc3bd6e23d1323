import SluiceVocabulary

/// Which of the roles and claim values that a policy names a principal has: all that decides what
/// it may do. Principals with equal traits share one permission table.
struct PrincipalTraits: Hashable, Sendable {
    var isAuthenticated: Bool
    /// Indexes into `TraitIndex`, ascending.
    var traits: [Int32]
}

/// Every role and claim value that a policy's permissions name.
struct TraitIndex: Sendable {
    private struct Claim: Sendable {
        let name: String
        let values: [String: Int32]
    }

    private let roles: [String: Int32]
    private let claims: [Claim]

    init(_ rules: [PermissionRule]) {
        var count: Int32 = 0
        var roles: [String: Int32] = [:]
        var claims: [String: [String: Int32]] = [:]
        for rule in rules {
            for role in rule.principal.roles where roles[role] == nil {
                roles[role] = count
                count += 1
            }
            for (claim, values) in rule.principal.claims.sorted(by: { $0.key < $1.key }) {
                for value in values where claims[claim]?[value] == nil {
                    claims[claim, default: [:]][value] = count
                    count += 1
                }
            }
        }
        self.roles = roles
        self.claims = claims.keys.sorted().map { Claim(name: $0, values: claims[$0] ?? [:]) }
    }

    func traits(of principal: Principal?) -> PrincipalTraits {
        guard let principal else { return PrincipalTraits(isAuthenticated: false, traits: []) }
        var found: Set<Int32> = []
        for role in principal.roles {
            if let index = roles[role] { found.insert(index) }
        }
        for claim in claims {
            guard let value = principal.claim(at: claim.name) else { continue }
            for text in value.texts {
                if let index = claim.values[text] { found.insert(index) }
            }
        }
        return PrincipalTraits(isAuthenticated: true, traits: found.sorted())
    }

    /// Whether `match` speaks of a principal with these traits.
    func speaks(_ match: PrincipalMatch, of traits: Set<Int32>, isAuthenticated: Bool) -> Bool {
        if !isAuthenticated { return match.includesAnonymous }
        let has = { (index: Int32?) in index.map(traits.contains) ?? false }
        if !match.roles.isEmpty, !match.roles.contains(where: { has(roles[$0]) }) { return false }
        return match.claims.allSatisfy { name, values in
            guard let claim = claims.first(where: { $0.name == name }) else { return false }
            return values.contains { has(claim.values[$0]) }
        }
    }
}

extension ClaimValue {
    /// What a policy compares it by: the texts of a list's scalars, or its own.
    var texts: [String] {
        if case .array(let items) = self { return items.compactMap(\.scalarText) }
        return scalarText.map { [$0] } ?? []
    }
}

extension Principal {
    /// The claim at a dotted path.
    func claim(at path: String) -> ClaimValue? {
        claim(at: path.split(separator: ".").map(String.init))
    }

    /// The claim at a path; `sub` and `roles` are those of the principal itself.
    func claim(at path: [String]) -> ClaimValue? {
        guard let first = path.first else { return nil }
        if path.count == 1, first == "sub" { return .string(user) }
        if path.count == 1, first == "roles" { return .array(roles.map(ClaimValue.string)) }
        var value = claims[first]
        for step in path.dropFirst() {
            guard case .object(let members) = value else { return nil }
            value = members[step]
        }
        return value
    }
}
