import SluiceDocuments

/// `SLUICE_*` variables laid over a configuration document.
///
/// `SLUICE_LISTENERS_0_ADDRESS` is the key `address` of the first item of `listeners`. A list of
/// texts may also be given whole, parted by commas. An index one past the end adds an item.
struct ConfigurationEnvironment {
    enum Step: Hashable {
        case key(String)
        case index(Int)
    }

    static let prefix = "SLUICE_"
    /// Variables that belong to scripts, tests and clients beside the gateway.
    private static let reserved = ["SLUICE_BUILD_DIR", "SLUICE_TOKEN"]
    /// `SLUICE_PORT…` and `SLUICE_SERVICE_…` are what Kubernetes sets for a Service named `sluice`.
    private static let reservedPrefixes = [
        "SLUICE_TEST_", "SLUICE_BENCH_", "SLUICE_PORT", "SLUICE_SERVICE_HOST",
        "SLUICE_SERVICE_PORT",
    ]

    private struct Override {
        let path: [Step]
        let value: String
        let position: SourcePosition
    }

    private let sink: DiagnosticSink
    private var overrides: [Override] = []

    init(_ environment: [String: String], sink: DiagnosticSink) {
        self.sink = sink
        for (name, value) in environment.sorted(by: { $0.key < $1.key }) {
            guard name.hasPrefix(Self.prefix), !Self.isReserved(name) else { continue }
            let position = SourcePosition(file: "environment variable \(name)")
            let words = name.dropFirst(Self.prefix.count)
            switch Self.resolve(words, in: .root) {
            case .path(let path):
                overrides.append(Override(path: path, value: value, position: position))
            case .group(let examples):
                let names = examples.prefix(3).map { "`\(name)_\(Self.variable($0))`" }
                sink.error(
                    "this names a group of keys, not a key", at: position,
                    hint: "set \(names.joined(separator: ", "))")
            case .unknown:
                sink.error("no such key", at: position, hint: Self.hint(for: name))
            }
        }
        // Items are added in the order of their indexes: 9 before 10.
        overrides.sort { Self.order($0.path).lexicographicallyPrecedes(Self.order($1.path)) }
    }

    static func isReserved(_ name: String) -> Bool {
        reserved.contains(name) || reservedPrefixes.contains { name.hasPrefix($0) }
    }

    /// The document with every variable in its place.
    func applied(to document: DocumentValue) -> DocumentValue {
        guard !overrides.isEmpty else { return document }
        var root = document
        let defaults = Document.parse(
            Configuration.builtInText, file: Configuration.builtInSource, into: DiagnosticSink())
        for override in overrides {
            set(override, override.path[...], in: &root, default: defaults)
        }
        return root
    }

    /// Walks down the path. A list the document leaves out starts as the built-in one.
    private func set(
        _ override: Override, _ path: ArraySlice<Step>, in value: inout DocumentValue,
        default fallback: DocumentValue?
    ) {
        guard let step = path.first else {
            value = .untyped(override.value, at: override.position)
            return
        }
        switch (step, value.kind) {
        case (.key(let key), .mapping(var entries)):
            let known = fallback?.entry(key)
            let index = entries.firstIndex { $0.key == key } ?? entries.count
            if index == entries.count {
                let start = path.dropFirst().first.map { Self.empty(before: $0, known, override) }
                entries.append(
                    DocumentEntry(
                        key: key, keyPosition: override.position,
                        value: start ?? .untyped("", at: override.position)))
            }
            set(override, path.dropFirst(), in: &entries[index].value, default: known)
            if path.count == 1 { entries[index].keyPosition = override.position }
            value.kind = .mapping(entries)
        case (.index(let index), .list(var items)):
            guard index <= items.count else {
                sink.error(
                    "there is no item \(index): the list has \(items.count)", at: override.position,
                    hint: "use \(items.count) to add one")
                return
            }
            if index == items.count {
                let next = path.dropFirst().first
                items.append(
                    next.map { Self.empty(before: $0, nil, override) }
                        ?? .untyped("", at: override.position))
            }
            set(override, path.dropFirst(), in: &items[index], default: nil)
            value.kind = .list(items)
        case (.key, _), (.index, _):
            // The document has something else here; reading it reports that.
            return
        }
    }

    /// What a key holds before a variable writes into it.
    private static func empty(before step: Step, _ known: DocumentValue?, _ override: Override)
        -> DocumentValue
    {
        switch step {
        case .key: DocumentValue(.mapping([]), at: override.position)
        case .index: known ?? DocumentValue(.list([]), at: override.position)
        }
    }

    private static func order(_ path: [Step]) -> [String] {
        path.map { step in
            switch step {
            case .key(let key): key
            case .index(let index):
                String(repeating: "0", count: max(0, 6 - String(index).count)) + String(index)
            }
        }
    }
}

extension DocumentValue {
    fileprivate func entry(_ key: String) -> DocumentValue? {
        guard case .mapping(let entries) = kind else { return nil }
        return entries.first { $0.key == key }?.value
    }
}
