/// What a file with entries is, by its first bytes.
enum FileKind: Equatable {
    /// A file of journald's own.
    case journal
    /// What `journalctl -o export` prints.
    case export
    /// Objects line by line, between other lines perhaps.
    case json
    case empty
    /// Packed, by the program named.
    case packed(String)
    /// Neither a journal nor text.
    case other

    /// How much of a file tells what it is.
    static let headBytes = 1 << 16

    private static let packers: [(head: [UInt8], program: String)] = [
        ([0x1F, 0x8B], "gzip"), ([0x28, 0xB5, 0x2F, 0xFD], "zstd"),
        ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], "xz"), ([0x04, 0x22, 0x4D, 0x18], "lz4"),
        (Array("BZh".utf8), "bzip2"), ([0x50, 0x4B, 0x03, 0x04], "zip"),
    ]

    init(_ head: [UInt8]) {
        if head.isEmpty {
            self = .empty
        } else if head.starts(with: "LPKSHHRH".utf8) {
            self = .journal
        } else if let packer = Self.packers.first(where: { head.starts(with: $0.head) }) {
            self = .packed(packer.program)
        } else {
            self = Self.byLines(head)
        }
    }

    /// By the first line that is of one kind: a gateway may say something before its first entry.
    private static func byLines(_ head: [UInt8]) -> Self {
        for line in head.split(separator: UInt8(ascii: "\n")) {
            if line.first == UInt8(ascii: "{") { return .json }
            let name = line.prefix { $0 != UInt8(ascii: "=") }
            let isField = name.allSatisfy {
                $0 == UInt8(ascii: "_") || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0)
            }
            if isField, !name.isEmpty, name.count < line.count { return .export }
        }
        return head.contains(0) ? .other : .json
    }
}

extension JournalFailure {
    /// What was named is no file with entries.
    ///
    /// - Parameter why: `it is empty`, say.
    static func noJournal(_ name: String, _ why: String) -> Self {
        Self(
            "cannot read \(name): \(why); what is read are journal files, what `journalctl -o export`"
                + " or `-o json` printed, and lines that a gateway wrote to standard error")
    }
}
