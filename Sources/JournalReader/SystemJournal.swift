import CSystemd
import Glibc
import SluiceVocabulary

/// Entries of journal files, through libsystemd. Belongs to one thread.
///
/// What libsystemd points to is copied before the next call, as sd_journal_get_data(3) asks for.
@safe
final class SystemJournal {
    private let journal: OpaquePointer
    /// Receipt of the oldest and of the newest entry in the files, microseconds since 1970.
    let oldest: Int64
    let newest: Int64

    init(_ source: JournalSource) throws(JournalFailure) {
        var opened: OpaquePointer?
        let code: Int32
        switch source {
        case .system: code = unsafe sd_journal_open(&opened, Int32(SD_JOURNAL_LOCAL_ONLY))
        case .namespace(let name):
            code = unsafe sd_journal_open_namespace(&opened, name, Int32(SD_JOURNAL_LOCAL_ONLY))
        case .directory(let path): code = unsafe sd_journal_open_directory(&opened, path, 0)
        case .files(let paths): code = unsafe Self.open(paths, &opened)
        }
        guard code >= 0, let opened = unsafe opened else {
            throw JournalFailure(
                "cannot open \(source.text): \(Self.reason(code)); \(Self.advice(source, code))")
        }
        unsafe journal = opened
        var first: UInt64 = 0
        var last: UInt64 = 0
        let found = unsafe sd_journal_get_cutoff_realtime_usec(opened, &first, &last)
        oldest = found > 0 ? Int64(clamping: first) : 0
        newest = found > 0 ? Int64(clamping: last) : 0
    }

    deinit { unsafe sd_journal_close(journal) }

    private static func open(_ paths: [String], _ opened: inout OpaquePointer?) -> Int32 {
        let copies = unsafe paths.map { unsafe strdup($0) }
        defer {
            for index in 0..<paths.count { unsafe free(copies[index]) }
        }
        var list = unsafe copies.map { unsafe UnsafePointer<CChar>($0) } + [nil]
        return unsafe sd_journal_open_files(&opened, &list, 0)
    }

    private static func reason(_ code: Int32) -> String {
        unsafe String(cString: strerror(-code))
    }

    private static func advice(_ source: JournalSource, _ code: Int32) -> String {
        if code == -EACCES || code == -EPERM {
            return "be root, or a member of the group systemd-journal"
        }
        return switch source {
        case .system, .namespace: "name --directory or --file if it is elsewhere"
        case .directory, .files: "is it there, and is it a journal?"
        }
    }

    /// Lets only entries with this `NAME=value` through; all that were asked for must fit.
    func match(_ text: String) throws(JournalFailure) {
        let code = unsafe sd_journal_add_match(journal, text, 0)
        if code < 0 { throw JournalFailure("cannot look for \(text): \(Self.reason(code))") }
    }

    /// The next entry is the first one received at or after a time.
    func seek(_ time: WallTime?) throws(JournalFailure) {
        let code =
            unsafe time.map {
                unsafe sd_journal_seek_realtime_usec(journal, UInt64(clamping: $0.microseconds))
            } ?? sd_journal_seek_head(journal)
        if code < 0 { throw JournalFailure("cannot seek in the journal: \(Self.reason(code))") }
    }

    /// Steps to the next entry; false at the end.
    func next() throws(JournalFailure) -> Bool {
        let code = unsafe sd_journal_next(journal)
        if code < 0 { throw JournalFailure("cannot go on in the journal: \(Self.reason(code))") }
        return code > 0
    }

    /// When this entry was received, microseconds since 1970; nil when its file is damaged there.
    var realtime: Int64? {
        var time: UInt64 = 0
        return unsafe sd_journal_get_realtime_usec(journal, &time) >= 0
            ? Int64(clamping: time) : nil
    }

    /// The same on the monotonic clock of the boot the entry is of.
    var monotonic: Int64? {
        var time: UInt64 = 0
        var boot = sd_id128_t()
        return unsafe sd_journal_get_monotonic_usec(journal, &time, &boot) >= 0
            ? Int64(clamping: time) : nil
    }

    /// Copies the fields wanted; false when the entry is damaged.
    func read(_ names: FieldNames, into fields: inout [String?]) -> Bool {
        unsafe sd_journal_restart_data(journal)
        while true {
            var data: UnsafeRawPointer?
            var length = 0
            let code = unsafe sd_journal_enumerate_available_data(journal, &data, &length)
            if code == 0 { return true }
            guard code > 0, let start = unsafe data else { return false }
            let bytes = unsafe start.assumingMemoryBound(to: UInt8.self)
            let span = unsafe Span<UInt8>(_unsafeStart: bytes, count: length)
            Self.take(span, names, into: &fields)
        }
    }

    @inline(__always)
    private static func take(
        _ data: Span<UInt8>, _ names: FieldNames, into fields: inout [String?]
    ) {
        let mark = data.first(UInt8(ascii: "="))
        guard mark < data.count, let index = names.index(of: data.extracting(..<mark)) else {
            return
        }
        fields[index] = data.extracting((mark + 1)...).text
    }
}
