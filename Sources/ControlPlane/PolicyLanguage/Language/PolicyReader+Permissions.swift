import SluiceDocuments
import SluicePolicy

extension PolicyReader {
    /// One entry of `permissions.rules:`.
    func readPermission(_ value: DocumentValue) {
        guard let mapping = value.mapping(sink) else { return }
        let name = ruleName(mapping)
        let effect = mapping.required("effect")?.choice(
            sink, of: ["permit": PermissionEffect.permit, "deny": .deny])
        let principal: PrincipalMatch?
        if let value = mapping.optional("principal") {
            principal = readPrincipal(value)
        } else {
            principal = PrincipalMatch(includesAnonymous: effect == .deny)
        }
        let actions = self.actions(mapping.required("action"))
        let when = mapping.optional("when").flatMap { readCondition($0) }
        let isShadow = mapping.optional("shadow")?.boolean(sink) ?? false
        mapping.finish()
        guard let name, let effect, let principal else { return }
        let rule = PermissionRule(
            name: name.text, effect: effect, principal: principal, actions: actions, when: when,
            isShadow: isShadow)
        checkSense(of: rule, mapping)
        permissions.append(Located(rule: rule, position: name.position))
    }

    private func readPrincipal(_ value: DocumentValue) -> PrincipalMatch? {
        guard let mapping = value.mapping(sink) else { return nil }
        if mapping.entries.isEmpty {
            sink.error(
                "`principal` names nobody", at: mapping.position,
                hint: "give `roles`, `claims` or `anonymous`, or leave it out")
        }
        var match = PrincipalMatch()
        match.roles = mapping.optional("roles").flatMap { texts($0) } ?? []
        match.includesAnonymous = mapping.optional("anonymous")?.boolean(sink) ?? false
        if let claims = mapping.optional("claims")?.mapping(sink) {
            for entry in claims.entries {
                guard let values = claims.optional(entry.key) else { continue }
                do throws(SourceText.Problem) {
                    let path = try SourceText.claimPath(entry.key[...], in: entry.key)
                    checkClaim(.source(.claim(path)), at: entry.keyPosition)
                } catch {
                    sink.error(
                        error.message, at: entry.keyPosition, hint: "as in `tenant` or `org.id`")
                }
                match.claims[entry.key] = claimValues(values)
            }
        }
        mapping.finish()
        return match
    }

    private func claimValues(_ value: DocumentValue) -> [String]? {
        guard let items = value.list(sink) else { return nil }
        if items.isEmpty {
            sink.error("the list is empty", at: value.position, hint: "name at least one value")
        }
        return Set(items.compactMap { $0.constant(sink) }).sorted()
    }
}
