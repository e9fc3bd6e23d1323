import SluiceDocuments
import SluicePolicy

extension PolicyReader {
    func readDescriptors(_ mapping: DocumentMapping) {
        for entry in mapping.entries {
            _ = mapping.optional(entry.key)
            guard isName(entry.key, what: "descriptor", at: entry.keyPosition) else { continue }
            guard !SourceText.isSource(entry.key) else {
                sink.error(
                    "`\(entry.key)` is a source, and no name for a descriptor",
                    at: entry.keyPosition, hint: "choose another")
                continue
            }
            if let other = descriptors[entry.key] {
                sink.error(
                    "descriptor `\(entry.key)` is already defined at \(other.position.text)",
                    at: entry.keyPosition, hint: "keep one of them")
                continue
            }
            let fact = entry.value.isNull ? nil : source(entry.value)
            // Wrong, but defined: its uses need no errors of their own.
            descriptors[entry.key] = Descriptor(
                fact: fact, position: entry.keyPosition, isUsed: fact == nil)
        }
    }

    /// What a descriptor takes from the call.
    private func source(_ value: DocumentValue) -> Condition.Fact? {
        guard let text = value.string(sink) else { return nil }
        do throws(SourceText.Problem) {
            if let fact = try SourceText.fact(text) {
                checkClaim(fact, at: value.position)
                return fact
            }
            sink.error(
                "`\(text)` is nothing a call has", at: value.position,
                hint: hint(for: text, among: SourceText.examples))
        } catch {
            sink.error(error.message, at: value.position, hint: error.hint)
        }
        return nil
    }

    /// The source behind a descriptor's name where a rule makes a key of it.
    func descriptor(_ value: DocumentValue) -> KeySource? {
        guard let name = value.string(sink) else { return nil }
        guard let found = descriptors[name] else {
            let hint =
                SourceText.isSource(name)
                ? "give it a name under `descriptors:` and use that"
                : hint(for: name, among: descriptors.keys.sorted())
            sink.error("there is no descriptor `\(name)`", at: value.position, hint: hint)
            return nil
        }
        descriptors[name]?.isUsed = true
        switch found.fact {
        case .source(let source): return source
        case .bytes:
            sink.error(
                "`\(name)` is `message.bytes`, at which only `when` may look", at: value.position,
                hint: "to count bytes write `unit: bytes`")
        case nil: break
        }
        return nil
    }

    /// What a condition looks at: a descriptor's name, or a source written out.
    func fact(_ value: DocumentValue) -> Condition.Fact? {
        guard case .string(let text) = value.kind else {
            return value.expected(
                "a descriptor or a source", sink,
                hint: "what to look at comes first, as in `[token.plan, pro]`")
        }
        if let found = descriptors[text] {
            descriptors[text]?.isUsed = true
            return found.fact
        }
        do throws(SourceText.Problem) {
            if let fact = try SourceText.fact(text) {
                checkClaim(fact, at: value.position)
                return fact
            }
            let known = descriptors.keys.sorted() + SourceText.examples
            sink.error(
                "`\(text)` is no descriptor, and nothing a call has", at: value.position,
                hint: nearestHint(for: text, among: known)
                    ?? "what to look at comes first, as in `[token.plan, pro]`")
        } catch {
            sink.error(error.message, at: value.position, hint: error.hint)
        }
        return nil
    }

    /// Claims of RFC 7519, section 4.1, are texts, numbers or lists: nothing is within them.
    func checkClaim(_ fact: Condition.Fact, at position: SourcePosition) {
        guard case .source(.claim(let path)) = fact, path.count > 1,
            ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "roles"].contains(path[0])
        else { return }
        sink.warning(
            "no token has a claim `\(path.joined(separator: "."))`", at: position,
            hint: "`\(path[0])` has no parts")
    }
}
