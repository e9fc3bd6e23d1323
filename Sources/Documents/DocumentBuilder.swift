internal import Yams

/// Turns the parser's nodes into values, refusing what strict YAML leaves out.
struct DocumentBuilder {
    let file: String
    let limits: DocumentLimits
    let cloak: StarCloak
    let sink: DiagnosticSink
    private(set) var isSound = true
    private var nodes = 0

    init(file: String, limits: DocumentLimits, cloak: StarCloak, sink: DiagnosticSink) {
        self.file = file
        self.limits = limits
        self.cloak = cloak
        self.sink = sink
    }

    mutating func value(of node: Node, depth: Int) -> DocumentValue {
        let place = position(node.mark)
        nodes += 1
        if nodes > limits.maxNodes {
            return refused(
                "the file holds more than \(limits.maxNodes) values", at: place, hint: "split it")
        }
        if depth > limits.maxDepth { return refused(limits.tooDeep, at: place, hint: nil) }
        if let anchor = node.anchor {
            _ = refused(
                "anchors (`&\(anchor.rawValue)`) are not allowed", at: place,
                hint: "write the value out where it is used")
        }
        switch node {
        case .scalar(let scalar): return value(of: scalar, at: place)
        case .sequence(let sequence):
            checkTag(sequence.tag, at: place)
            var items: [DocumentValue] = []
            for item in sequence {
                if nodes > limits.maxNodes { break }
                items.append(value(of: item, depth: depth + 1))
            }
            return DocumentValue(.list(items), at: place)
        case .mapping(let mapping):
            checkTag(mapping.tag, at: place)
            return DocumentValue(.mapping(entries(of: mapping, depth: depth)), at: place)
        case .alias: return refusedAlias(at: place)
        }
    }

    private mutating func entries(of mapping: Node.Mapping, depth: Int) -> [DocumentEntry] {
        var entries: [DocumentEntry] = []
        for (keyNode, valueNode) in mapping {
            if nodes > limits.maxNodes { break }
            nodes += 1
            let place = position(keyNode.mark)
            let value = value(of: valueNode, depth: depth + 1)
            guard case .scalar(let key) = keyNode else {
                _ = refused(
                    "a key must be a text", at: place,
                    hint: "put `{` and `[` in quotes where they are text")
                continue
            }
            if let anchor = keyNode.anchor {
                _ = refused("anchors (`&\(anchor.rawValue)`) are not allowed", at: place, hint: nil)
            } else if cloak.isAlias(key.string), Self.isPlain(key) {
                _ = refusedAlias(at: place)
            } else if key.string.isEmpty {
                _ = refused("a key is missing before the `:`", at: place, hint: nil)
            } else if key.string == "<<" {
                _ = refused(
                    "merge keys (`<<`) are not allowed", at: place, hint: "write the keys out")
            } else {
                let name = cloak.uncovered(key.string)
                entries.append(DocumentEntry(key: name, keyPosition: place, value: value))
            }
        }
        return entries
    }

    private mutating func value(of scalar: Node.Scalar, at place: SourcePosition) -> DocumentValue {
        // Yams gives quoted scalars the tag `str` of its own; on a plain one somebody wrote it.
        let isPlain = Self.isPlain(scalar)
        if isPlain, cloak.isAlias(scalar.string) { return refusedAlias(at: place) }
        if isPlain || scalar.tag.description != Tag.Name.str.rawValue {
            checkTag(scalar.tag, at: place)
        }
        let text = cloak.uncovered(scalar.string)
        return DocumentValue(
            isPlain ? CoreSchema.kind(of: text) : .string(text), text: text, at: place)
    }

    private static func isPlain(_ scalar: Node.Scalar) -> Bool {
        scalar.style == .plain || scalar.style == .any
    }

    private mutating func checkTag(_ tag: Tag, at place: SourcePosition) {
        let name = tag.description
        guard !name.isEmpty else { return }
        _ = refused(
            "tags are not allowed", at: place, hint: "remove the `!…`; put a text in quotes")
    }

    private mutating func refusedAlias(at place: SourcePosition) -> DocumentValue {
        refused(Document.aliasRefusal.message, at: place, hint: Document.aliasRefusal.hint)
    }

    private mutating func refused(_ message: String, at place: SourcePosition, hint: String?)
        -> DocumentValue
    {
        isSound = false
        sink.error(message, at: place, hint: hint)
        return DocumentValue(.null, at: place)
    }

    private func position(_ mark: Mark?) -> SourcePosition {
        SourcePosition(file: file, line: mark?.line ?? 1, column: mark?.column ?? 1)
    }
}

/// The types of plain scalars: YAML 1.2, section 10.3.2 (core schema), without octal and hexadecimal.
enum CoreSchema {
    static func kind(of text: String) -> DocumentValue.Kind {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .boolean(true)
        case "false", "False", "FALSE": return .boolean(false)
        default: break
        }
        let body =
            text.utf8.first.map { $0 == 0x2B || $0 == 0x2D } == true ? text.dropFirst() : text[...]
        guard let first = body.utf8.first, isDigit(first) || first == 0x2E else {
            return .string(text)
        }
        if body.utf8.allSatisfy(isDigit) {
            return Int64(text).map { .integer($0) } ?? Double(text).map { .number($0) }
                ?? .string(text)
        }
        guard isFloat(body), let number = Double(text), number.isFinite else {
            return .string(text)
        }
        return .number(number)
    }

    /// `(\. [0-9]+ | [0-9]+ (\. [0-9]*)?) ([eE] [-+]? [0-9]+)?`
    private static func isFloat(_ body: Substring) -> Bool {
        var rest = body.utf8[...]
        let whole = rest.prefix(while: isDigit).count
        rest = rest.dropFirst(whole)
        var fraction = 0
        if rest.first == 0x2E {
            fraction = rest.dropFirst().prefix(while: isDigit).count
            rest = rest.dropFirst(1 + fraction)
        }
        guard whole + fraction > 0 else { return false }
        guard let mark = rest.first else { return true }
        guard mark == 0x65 || mark == 0x45 else { return false }
        rest = rest.dropFirst()
        if rest.first == 0x2B || rest.first == 0x2D { rest = rest.dropFirst() }
        return !rest.isEmpty && rest.allSatisfy(isDigit)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
