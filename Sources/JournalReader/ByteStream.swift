import Foundation

/// A file read piece by piece, or standard input.
struct ByteStream {
    private let file: FileHandle
    /// As errors call it.
    let name: String
    private(set) var bytes: [UInt8] = []
    /// The next byte to be taken.
    private(set) var position = 0
    /// Bytes of the whole file; 0 = not known.
    let size: Int64
    /// Bytes that were taken.
    private(set) var taken: Int64 = 0
    private var isEnded = false

    private static let pieceBytes = 1 << 18
    /// No entry of journald is longer.
    static let longestLine = 768 << 20

    init(_ path: String) throws(JournalFailure) {
        if path == "-" {
            file = .standardInput
            name = "standard input"
            size = 0
            return
        }
        name = path
        let url = URL(filePath: path)
        if (try? url.resourceValues(forKeys: [.isDirectoryKey]).isDirectory) == true {
            throw JournalFailure(
                "cannot read \(path): it is a directory; --directory reads one's journal files")
        }
        do {
            file = try FileHandle(forReadingFrom: url)
            let end = try file.seekToEnd()
            try file.seek(toOffset: 0)
            size = Int64(clamping: end)
        } catch {
            throw JournalFailure("cannot read \(path): is it there, and may you read it?")
        }
    }

    /// Makes sure that `count` bytes are there; false when the file ends before.
    mutating func fill(_ count: Int) throws(JournalFailure) -> Bool {
        while bytes.count - position < count {
            guard !isEnded else { return false }
            if position > 0 {
                bytes.removeFirst(position)
                position = 0
            }
            let piece: Data?
            do {
                piece = try file.read(upToCount: Self.pieceBytes)
            } catch {
                throw JournalFailure("cannot read on in \(name): \(error.localizedDescription)")
            }
            guard let piece, !piece.isEmpty else {
                isEnded = true
                return false
            }
            bytes.append(contentsOf: piece)
        }
        return true
    }

    /// The first bytes, as many as there are; nothing is taken.
    mutating func peek(_ count: Int) throws(JournalFailure) -> [UInt8] {
        _ = try fill(count)
        return Array(bytes[position..<min(bytes.count, position + count)])
    }

    /// Takes so many bytes that are there.
    mutating func skip(_ count: Int) {
        position += count
        taken += Int64(count)
    }

    /// Finds the end of the line: where in `bytes` it begins and ends, without the line feed. Nil at
    /// the end of the file. Nothing is taken.
    mutating func line() throws(JournalFailure) -> Range<Int>? {
        var looked = 0
        while true {
            let end = endOfLine(from: position + looked)
            if end < bytes.count { return position..<end }
            looked = bytes.count - position
            guard looked <= Self.longestLine else {
                throw .noJournal(name, "a line has no end")
            }
            if try !fill(looked + 1) { return looked > 0 ? position..<bytes.count : nil }
        }
    }

    private func endOfLine(from start: Int) -> Int {
        bytes.span.first(UInt8(ascii: "\n"), from: start)
    }
}
