import SluiceDocuments
import SluicePolicy
import SluiceVocabulary

/// Comparisons of a fact with constants. Constants that the fact can never be are errors: a rule
/// that cannot speak is a hole or a wall that nobody sees.
extension ConditionReader {
    func comparison(
        _ word: String, _ fact: Condition.Fact, _ value: DocumentValue
    ) -> Condition? {
        if case .source(.address(let bits4, let bits6)) = fact {
            return address(word, value, isWhole: bits4 == 32 && bits6 == 64)
        }
        if word == "eq" || word == "ne", case .list = value.kind {
            return value.expected("one value", sink, hint: "for several use `in`")
        }
        switch word {
        case "eq": return constant(value, for: fact).map { .isIn(fact, [$0]) }
        case "ne": return constant(value, for: fact).map { .differs(fact, $0) }
        case "in": return set(value, of: fact)
        case "like": return pattern(value, for: fact)
        default:
            return Condition.Comparison(rawValue: word).flatMap { comparison in
                number(value, for: fact, word).map { .compare(fact, comparison, $0) }
            }
        }
    }

    private var sink: DiagnosticSink { policy.sink }

    private func set(_ value: DocumentValue, of fact: Condition.Fact) -> Condition? {
        guard case .list(let items) = value.kind else {
            let isBlock = value.text.contains("/") && (try? AddressBlock(value.text)) != nil
            return value.expected(
                "a list", sink,
                hint: isBlock
                    ? "blocks of addresses go with `connection.address`"
                    : "as in `[free, pro]`; for one value use `eq`")
        }
        guard isGoodCount(items, value) else { return nil }
        let constants = items.compactMap { constant($0, for: fact) }
        return constants.count == items.count ? .isIn(fact, Set(constants).sorted()) : nil
    }

    private func isGoodCount(_ items: [DocumentValue], _ value: DocumentValue) -> Bool {
        if items.isEmpty {
            sink.error("the list is empty", at: value.position, hint: "name at least one value")
        } else if items.count > Self.maxValues {
            sink.error(
                "more than \(Self.maxValues) values in one list", at: value.position,
                hint: "keep such lists in a claim of the token")
        } else {
            return true
        }
        return false
    }

    /// A constant that the fact can have, as text.
    private func constant(_ value: DocumentValue, for fact: Condition.Fact) -> String? {
        switch fact {
        case .bytes:
            return value.byteCount(sink, in: 0...LimitNumbers.most).map(String.init)
        case .source(.transport):
            return value.choice(sink, of: PolicyReader.transportWords)?.name
        case .source(.action):
            return value.constant(sink).flatMap { action($0, named: $0, value) }
        case .source(.route):
            return value.constant(sink).flatMap { action("http." + $0, named: $0, value) }
        case .source(.method):
            return value.constant(sink).flatMap { method($0, value) }
        case .source:
            return value.constant(sink)
        }
    }

    private func action(_ name: String, named text: String, _ value: DocumentValue) -> String? {
        if policy.catalog.action(named: name) != nil { return text }
        if name == text {
            let hint =
                text.contains("*")
                ? "for a pattern use `like`" : policy.hint(for: text, among: policy.catalog.names)
            sink.error("there is no action `\(text)`", at: value.position, hint: hint)
        } else {
            let routes = policy.catalog.names.filter { $0.hasPrefix("http.") }.map {
                String($0.dropFirst("http.".count))
            }
            sink.error(
                "there is no route `\(text)`", at: value.position,
                hint: policy.hint(for: text, among: routes))
        }
        return nil
    }

    /// Methods are told apart by case (RFC 9110, section 9.1), and all that are in use are upper.
    private func method(_ text: String, _ value: DocumentValue) -> String? {
        let upper = text.uppercased()
        if text == upper { return text }
        return value.expected("an HTTP method", sink, hint: "write `\(upper)`")
    }

    private func pattern(_ value: DocumentValue, for fact: Condition.Fact) -> Condition? {
        if fact == .bytes {
            sink.error(
                "`message.bytes` is a number, and `like` compares texts", at: value.position,
                hint: "use `lt` or `gt`")
            return nil
        }
        guard let text = value.nonEmptyString(sink, maxCharacters: 256) else { return nil }
        if !text.utf8.contains(UInt8(ascii: "*")) {
            sink.warning("`\(text)` has no `*`", at: value.position, hint: "use `eq`")
        }
        return .like(fact, ActionPattern(text))
    }

    private func number(
        _ value: DocumentValue, for fact: Condition.Fact, _ word: String
    ) -> Condition.Number? {
        switch fact {
        case .bytes:
            return value.byteCount(sink, in: 0...LimitNumbers.most).map { bytes in
                Condition.Number(value: Double(bytes), text: String(bytes))
            }
        case .source(.transport), .source(.action), .source(.route), .source(.method),
            .source(.session):
            sink.error(
                "`\(fact.text)` is never a number", at: value.position, hint: "use `eq` or `in`")
            return nil
        case .source:
            break
        }
        if case .string(let text) = value.kind {
            let isNumber = Double(text)?.isFinite == true
            return value.expected(
                "a number", sink,
                hint: isNumber ? "write \(text) without quotes" : "for texts use `eq` or `in`")
        }
        // However it was written, one number has one text.
        return value.number(sink).map { number in
            let text = Int64(exactly: number).map(String.init) ?? String(number)
            return Condition.Number(value: number, text: text)
        }
    }

    /// Addresses are compared by blocks alone: their texts have too many forms.
    private func address(_ word: String, _ value: DocumentValue, isWhole: Bool) -> Condition? {
        guard word == "in" else {
            let hint =
                word == "ne"
                ? "use `{not: {in: [connection.address, 192.0.2.1]}}`"
                : "use `{in: [connection.address, 192.0.2.1]}`"
            sink.error(
                "`\(word)` does not compare addresses", at: value.position, hint: hint)
            return nil
        }
        guard isWhole else {
            sink.error(
                "`in` looks at the whole address, not at some bits of it", at: value.position,
                hint: "write `connection.address` before it")
            return nil
        }
        var items = [value]
        if case .list(let list) = value.kind {
            guard isGoodCount(list, value) else { return nil }
            items = list
        }
        let blocks = items.compactMap { block($0) }
        guard blocks.count == items.count else { return nil }
        return .isInBlocks(Set(blocks).map { ($0.text, $0) }.sorted { $0.0 < $1.0 }.map(\.1))
    }

    private func block(_ value: DocumentValue) -> AddressBlock? {
        let what = "an address block like 10.0.0.0/8 or \"2001:db8::/32\""
        switch value.kind {
        case .mapping: return value.expected(what, sink, hint: "put IPv6 in quotes")
        case .null, .list: return value.expected(what, sink)
        case .string, .untyped, .boolean, .integer, .number: break
        }
        do throws(AddressBlock.Problem) {
            return try AddressBlock(value.text)
        } catch {
            switch error {
            case .notABlock: return value.expected(what, sink)
            case .hasHostBits(let meant):
                sink.error(
                    "`\(value.text)` has bits behind its prefix", at: value.position,
                    hint: "write \(meant)")
                return nil
            }
        }
    }
}
