package import SluiceVocabulary

/// Where journal entries come from.
package enum JournalSource: Sendable, Hashable {
    /// The machine's own journal.
    case system
    /// The journal of a namespace (`LogNamespace=` of a unit).
    case namespace(String)
    /// A directory with journal files, like /var/log/journal of another machine.
    case directory(String)
    /// Files: of a journal, or what `journalctl -o export` or `-o json` printed; `-` is standard
    /// input. Each is known by its first bytes.
    case files([String])

    /// As errors and reports name it.
    package var text: String {
        switch self {
        case .system: "the system's journal"
        case .namespace(let name): "the journal of namespace \(name)"
        case .directory(let path): "the journal in \(path)"
        case .files(let paths):
            paths.map { $0 == "-" ? "standard input" : $0 }.joined(separator: ", ")
        }
    }
}

/// Why a journal cannot be read. The text is for the operator.
package struct JournalFailure: Error, Sendable, Equatable {
    package let text: String

    package init(_ text: String) { self.text = text }
}

/// Which entries are wanted.
package struct JournalSelection: Sendable {
    /// `NAME=value` that an entry must have; nil = all of the gateway.
    package var match: String?
    /// Entries that were received before are left out; nil = from the oldest on.
    package var since: WallTime?
    /// Reading ends behind the first entry received later; nil = up to the newest.
    package var until: WallTime?

    package init(match: String? = nil, since: WallTime? = nil, until: WallTime? = nil) {
        self.match = match
        self.since = since
        self.until = until
    }
}
