import SluiceVocabulary

/// Names of a snapshot that facts are told by.
final class PolicyScope: Sendable {
    let catalog: ActionCatalog
    /// Header fields that rules look at, in lower case.
    let headerNames: [String]

    init(catalog: ActionCatalog, headerNames: [String]) {
        self.catalog = catalog
        self.headerNames = headerNames
    }
}

/// Everything a key or a condition can ask of one call.
struct CallFacts {
    let call: PolicyCall
    let subject: PolicySubject
    let scope: PolicyScope

    /// The one text a source has in this call; nil = it has none, or it is a list.
    func text(_ source: KeySource) -> String? {
        switch source {
        case .claim(let path): subject.claimText(at: path)
        case .session: subject.session?.text
        case .device: nonEmpty(subject.device.id)
        case .platform: nonEmpty(subject.device.platform)
        case .app: nonEmpty(subject.device.app)
        case .address(let bits4, let bits6): subject.address.text(bits4: bits4, bits6: bits6)
        case .transport: call.transport.name
        case .action: scope.catalog.names[call.action.index]
        case .topic: call.topic
        case .loginUser: call.loginUser
        case .route: route
        case .method: call.method
        case .header(let name): header(name)
        }
    }

    /// All texts of a source: the items of a claim that is a list, else the one it has.
    func texts(_ source: KeySource) -> [String] {
        if case .claim(let path) = source, let value = subject.principal?.claim(at: path) {
            return value.texts
        }
        return text(source).map { [$0] } ?? []
    }

    /// The number a fact is; nil = it is none.
    func number(_ fact: Condition.Fact) -> Double? {
        switch fact {
        case .bytes: return Double(call.bytes)
        case .source(.claim(let path)):
            switch subject.principal?.claim(at: path) {
            case .integer(let value)?: return Double(value)
            case .number(let value)?: return value
            default: break
            }
        case .source: break
        }
        guard case .source(let source) = fact, let text = text(source), let value = Double(text),
            value.isFinite
        else { return nil }
        return value
    }

    /// Whether the call has the value at all.
    func has(_ fact: Condition.Fact) -> Bool {
        switch fact {
        case .bytes: true
        case .source(.claim(let path)):
            switch subject.principal?.claim(at: path) {
            case nil, .null?: false
            default: true
            }
        case .source(let source): text(source) != nil
        }
    }

    func texts(_ fact: Condition.Fact) -> [String] {
        switch fact {
        case .bytes: [String(call.bytes)]
        case .source(let source): texts(source)
        }
    }

    private func nonEmpty(_ text: String) -> String? { text.isEmpty ? nil : text }

    private var route: String? {
        let name = scope.catalog.names[call.action.index]
        return name.hasPrefix("http.") ? String(name.dropFirst(5)) : nil
    }

    private func header(_ name: String) -> String? {
        guard let index = scope.headerNames.firstIndex(of: name), index < call.headers.count else {
            return nil
        }
        return call.headers[index]
    }
}

@available(*, unavailable)
extension CallFacts: Sendable {}
