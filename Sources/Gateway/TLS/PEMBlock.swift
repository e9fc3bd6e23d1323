/// One `-----BEGIN X-----` ... `-----END X-----` of a PEM file (RFC 7468), not decoded.
struct PEMBlock: Equatable {
    /// What stands behind BEGIN: `CERTIFICATE`, `PRIVATE KEY`.
    let label: String
    /// The block with its two lines. Of a private key this is a secret.
    let text: String

    /// The key can be read with a passphrase only (RFC 5958; RFC 1421 section 4.6.1.1 for old ones).
    var isEncrypted: Bool {
        label == "ENCRYPTED PRIVATE KEY" || text.contains("Proc-Type: 4,ENCRYPTED")
    }

    var isPrivateKey: Bool { label.hasSuffix("PRIVATE KEY") }
    var isCertificate: Bool {
        ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"].contains(label)
    }

    /// Every block of a text; what stands between blocks is commentary.
    ///
    /// - Returns: nil when a block has no end.
    static func blocks(in text: String) -> [Self]? {
        var blocks: [Self] = []
        var label: String?
        var lines: [Substring] = []
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            if let open = label {
                lines.append(line)
                guard mark("END", line) == open else { continue }
                blocks.append(Self(label: open, text: lines.joined(separator: "\n")))
                label = nil
            } else if let begun = mark("BEGIN", line) {
                label = begun
                lines = [line]
            }
        }
        return label == nil ? blocks : nil
    }

    private static func mark(_ word: String, _ line: Substring) -> String? {
        var line = line
        while line.last?.isWhitespace == true { line.removeLast() }
        let start = "-----\(word) "
        guard line.hasPrefix(start), line.hasSuffix("-----"), line.count > start.count + 5 else {
            return nil
        }
        return String(line.dropFirst(start.count).dropLast(5))
    }
}
