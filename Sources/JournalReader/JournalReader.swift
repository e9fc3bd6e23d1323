import SluiceVocabulary

/// What one step of a reader found.
package enum JournalStep: Sendable, Equatable {
    case entry
    /// There is something, but it cannot be read: a damaged file, a line that is no entry.
    case unreadable
    case end
}

/// Reads the entries of a journal one after another, oldest first. Belongs to one thread.
///
/// Files are read in the order they are named, journal files among them as one journal.
package final class JournalReader {
    private let names: FieldNames
    private let selection: JournalSelection
    private var parts: [Part]
    private var done: Int64 = 0
    /// Of the part that is read.
    private var found = (entries: 0, unreadable: 0)
    /// Values of the fields asked for, in their order, of the entry that was read last.
    package private(set) var fields: [String?]
    /// The journal has entries older than those asked for.
    package private(set) var hasOlderEntries = false

    private enum Part {
        case journal(SystemJournal)
        case export(ExportReader)
        case json(JSONLinesReader)
    }

    /// - Parameter names: of the fields wanted.
    package init(
        _ source: JournalSource, names: [String], selection: JournalSelection = JournalSelection()
    ) throws(JournalFailure) {
        self.names = FieldNames(names)
        self.selection = selection
        fields = Array(repeating: nil, count: self.names.names.count)
        parts = []
        switch source {
        case .system, .namespace, .directory: parts = [.journal(try Self.open(source, selection))]
        case .files(let paths):
            var journals: [String] = []
            for path in paths {
                var stream = try ByteStream(path)
                switch FileKind(try stream.peek(FileKind.headBytes)) {
                case .journal: journals.append(path)
                case .json: parts.append(.json(JSONLinesReader(stream)))
                case .export: parts.append(.export(ExportReader(stream)))
                case .empty where path == "-": break
                case .empty: throw .noJournal(stream.name, "it is empty")
                case .packed(let program):
                    throw JournalFailure(
                        "cannot read \(stream.name): it is packed by \(program); unpack it first")
                case .other: throw .noJournal(stream.name, "it is no journal")
                }
            }
            if !journals.isEmpty {
                parts.append(.journal(try Self.open(.files(journals), selection)))
            }
        }
        for case .journal(let journal) in parts {
            if let since = selection.since, journal.oldest < since.microseconds {
                hasOlderEntries = true
            }
        }
    }

    private static func open(
        _ source: JournalSource, _ selection: JournalSelection
    ) throws(JournalFailure) -> SystemJournal {
        let journal = try SystemJournal(source)
        if let match = selection.match { try journal.match(match) }
        try journal.seek(selection.since)
        return journal
    }

    /// Steps to the next entry that was asked for and reads its `fields`.
    ///
    /// - Throws: `JournalFailure` when it cannot go on, or when a file that has ended was none with
    ///   entries: it had something, but not one could be read.
    package func next() throws(JournalFailure) -> JournalStep {
        while let part = parts.first {
            for index in fields.indices { fields[index] = nil }
            let step: JournalStep
            switch part {
            case .journal(let journal): step = try next(journal)
            case .export(let reader): step = try reader.next(names, into: &fields)
            case .json(let reader): step = try reader.next(names, into: &fields)
            }
            switch step {
            case .end:
                done += taken(parts.removeFirst())
                try checkEnd(of: part)
                found = (0, 0)
            case .entry where hasFields:
                found.entries += 1
                if isWanted { return .entry }
            case .entry, .unreadable:
                found.unreadable += 1
                return .unreadable
            }
        }
        return .end
    }

    /// An entry says when it came to be at least; other files have lines of the same form.
    private var hasFields: Bool { fields.contains { $0 != nil } }

    private func checkEnd(of part: Part) throws(JournalFailure) {
        guard found.entries == 0, found.unreadable > 0 else { return }
        switch part {
        case .journal: return
        case .export(let reader):
            throw .noJournal(reader.stream.name, "there is no journal entry in it")
        case .json(let reader):
            throw .noJournal(reader.stream.name, "there is no journal entry in it")
        }
    }

    private func next(_ journal: SystemJournal) throws(JournalFailure) -> JournalStep {
        guard try journal.next() else { return .end }
        if let until = selection.until, let time = journal.realtime, time > until.microseconds {
            return .end
        }
        return journal.read(names, into: &fields) ? .entry : .unreadable
    }

    /// Files hold what they hold: the time is looked at here.
    private var isWanted: Bool {
        guard let text = fields[names.realtimeIndex], let time = Int64(text) else { return true }
        if let since = selection.since, time < since.microseconds {
            hasOlderEntries = true
            return false
        }
        return selection.until.map { time <= $0.microseconds } ?? true
    }

    /// When journald received the entry read last, on both clocks, in microseconds.
    package var receipt: (wall: Int64, monotonic: Int64)? {
        if case .journal(let journal)? = parts.first {
            guard let wall = journal.realtime, let monotonic = journal.monotonic else {
                return nil
            }
            return (wall, monotonic)
        }
        guard let wall = fields[names.realtimeIndex].flatMap({ Int64($0) }),
            let monotonic = fields[names.monotonicIndex].flatMap({ Int64($0) })
        else { return nil }
        return (wall, monotonic)
    }

    // MARK: Progress

    /// How much was read, 0...1; nil where nobody can know.
    package var progress: Double? {
        guard let part = parts.first else { return 1 }
        switch part {
        case .journal(let journal):
            let first = max(journal.oldest, selection.since?.microseconds ?? 0)
            let last = min(journal.newest, selection.until?.microseconds ?? .max)
            guard last > first, let now = journal.realtime else { return nil }
            return min(1, max(0, Double(now - first) / Double(last - first)))
        case .export, .json:
            let size = parts.reduce(done) { $0 + self.size($1) }
            return size > 0 ? min(1, Double(done + taken(part)) / Double(size)) : nil
        }
    }

    private func size(_ part: Part) -> Int64 {
        switch part {
        case .journal: 0
        case .export(let reader): reader.stream.size
        case .json(let reader): reader.stream.size
        }
    }

    private func taken(_ part: Part) -> Int64 {
        switch part {
        case .journal: 0
        case .export(let reader): reader.stream.taken
        case .json(let reader): reader.stream.taken
        }
    }
}

@available(*, unavailable)
extension JournalReader: Sendable {}
