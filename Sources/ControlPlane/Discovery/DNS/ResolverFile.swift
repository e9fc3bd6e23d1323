import FoundationEssentials

/// The name servers of `/etc/resolv.conf` (resolv.conf(5)).
package enum ResolverFile {
    static let path = "/etc/resolv.conf"
    /// What the file may name, and glibc uses.
    static let maxServers = 3

    /// `address:port` of each; this machine's own where the file names none.
    static func servers() -> [String] {
        // A file that is missing means the same as one that names none.
        let bytes = (try? Data(contentsOf: URL(filePath: path))) ?? Data()
        return servers(in: String(decoding: bytes.prefix(65_536), as: UTF8.self))
    }

    /// The servers that a text like that names.
    package static func servers(in text: String) -> [String] {
        let found = text.split(whereSeparator: \.isNewline).compactMap { line -> String? in
            let words = line.split(whereSeparator: \.isWhitespace)
            guard words.count >= 2, words[0] == "nameserver" else { return nil }
            return words[1].contains(":") ? "[\(words[1])]:53" : "\(words[1]):53"
        }
        return found.isEmpty ? ["127.0.0.1:53"] : Array(found.prefix(maxServers))
    }
}
