import SluiceDocuments

/// From the name of a variable to the key it means.
extension ConfigurationEnvironment {
    enum Resolution {
        case path([Step])
        /// The name ends at a group; these are the keys below it.
        case group([[String]])
        case unknown
    }

    static func resolve(_ words: Substring, in schema: ConfigurationSchema) -> Resolution {
        switch schema {
        // A variable cannot spell a header's name.
        case .names: return .unknown
        case .scalar: return words.isEmpty ? .path([]) : .unknown
        case .list(let item):
            if words.isEmpty {
                if case .scalar = item { return .path([]) }
                return .group(schema.leaves)
            }
            let digits = words.prefix { $0.isASCII && $0.isNumber }
            // More than five digits are no index of anything; a leading zero would name it twice.
            guard let index = Int(digits), digits.count <= 5, String(index) == digits else {
                return .unknown
            }
            guard let rest = rest(of: words.dropFirst(digits.count)) else { return .unknown }
            return resolve(rest, in: item).under(.index(index))
        case .mapping(let keys):
            if words.isEmpty { return .group(schema.leaves) }
            for (key, value) in keys where words.hasPrefix(key.uppercased()) {
                guard let rest = rest(of: words.dropFirst(key.count)) else { continue }
                let found = resolve(rest, in: value).under(.key(key))
                if case .unknown = found { continue }
                return found
            }
            return .unknown
        }
    }

    /// What follows a word: empty at the end, after the `_` else; nil when the word goes on.
    private static func rest(of words: Substring) -> Substring? {
        if words.isEmpty { return words }
        return words.first == "_" && words.count > 1 ? words.dropFirst() : nil
    }

    /// `["#", "port"]` as a variable writes it: `0_PORT`.
    static func variable(_ path: [String]) -> String {
        path.map { $0 == "#" ? "0" : $0.uppercased() }.joined(separator: "_")
    }

    static func hint(for name: String) -> String? {
        var numbers: [Substring] = []
        var pattern = ""
        for part in name.split(separator: "_", omittingEmptySubsequences: false) {
            let isIndex = !part.isEmpty && part.allSatisfy { $0.isASCII && $0.isNumber }
            if isIndex { numbers.append(part) }
            pattern += (pattern.isEmpty ? "" : "_") + (isIndex ? "#" : part)
        }
        let known = ConfigurationSchema.root.leaves.map {
            prefix + $0.map { $0.uppercased() }.joined(separator: "_")
        }
        guard let near = nearest(to: pattern, among: known) else {
            return "a key `a: {b: …}` is the variable `\(prefix)A_B`; see Config/sluice.yaml"
        }
        var next = numbers[...]
        let filled = near.map { $0 == "#" ? String(next.popFirst() ?? "0") : String($0) }.joined()
        return "did you mean `\(filled)`?"
    }
}

extension ConfigurationEnvironment.Resolution {
    fileprivate func under(_ step: ConfigurationEnvironment.Step) -> Self {
        if case .path(let path) = self { return .path([step] + path) }
        return self
    }
}
