/// The first key of a PEM text (RFC 7468), looked at only as far as errors need it.
struct PEM {
    /// `PUBLIC KEY`, `PRIVATE KEY`, `RSA PRIVATE KEY`...
    let label: String
    let kind: KeyKind
    let der: [UInt8]

    /// Nil when there is no block, or its body is not base64.
    init?(_ text: String) {
        var label: String?
        var body: [UInt8] = []
        var isWhole = false
        for line in text.split(whereSeparator: \.isNewline).map(Self.trimmed) {
            if let open = label {
                if line == "-----END \(open)-----" {
                    isWhole = true
                    break
                }
                body += Array(line.utf8)
            } else if line.hasPrefix("-----BEGIN "), line.hasSuffix("-----"),
                // Files made by openssl put the curve's parameters before the key.
                line != "-----BEGIN EC PARAMETERS-----"
            {
                label = String(line.dropFirst(11).dropLast(5))
            }
        }
        guard isWhole, let label, let der = Self.decode(body) else { return nil }
        self.label = label
        self.der = der
        kind = label.hasPrefix("RSA ") ? .rsa : Self.kind(der)
    }

    var isPublic: Bool { label == "PUBLIC KEY" || label == "RSA PUBLIC KEY" }
    var isPrivate: Bool {
        label == "PRIVATE KEY" || label == "RSA PRIVATE KEY" || label == "EC PRIVATE KEY"
    }

    private static func trimmed(_ line: Substring) -> Substring {
        var line = line.drop { $0 == " " || $0 == "\t" }
        while let last = line.last, last == " " || last == "\t" { line.removeLast() }
        return line
    }

    private static func decode(_ body: [UInt8]) -> [UInt8]? {
        var letters: [UInt8] = []
        for byte in body {
            switch byte {
            case UInt8(ascii: "+"): letters.append(UInt8(ascii: "-"))
            case UInt8(ascii: "/"): letters.append(UInt8(ascii: "_"))
            case UInt8(ascii: "="): break
            default: letters.append(byte)
            }
        }
        return Base64URL.decode(letters[...])
    }

    /// Object identifiers as they stand in DER, the longer ones first.
    private static let identifiers: [([UInt8], KeyKind)] = [
        ([0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01], .rsa),
        ([0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0A], .rsaPSS),
        ([0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07], .p256),
        ([0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22], .p384),
        ([0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x23], .p521),
        ([0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01], .otherCurve),
        ([0x06, 0x03, 0x2B, 0x65, 0x70], .ed25519),
        ([0x06, 0x03, 0x2B, 0x65, 0x71], .ed448),
        ([0x06, 0x03, 0x2B, 0x65, 0x6E], .x25519),
    ]

    private static func kind(_ der: [UInt8]) -> KeyKind {
        for (identifier, kind) in identifiers {
            var start = 0
            while start + identifier.count <= der.count {
                if der[start..<(start + identifier.count)].elementsEqual(identifier) { return kind }
                start += 1
            }
        }
        return .unknown
    }
}

/// As much of DER (X.690) as it takes to see the size of an RSA key.
enum DER {
    /// Bits of the largest integer anywhere in a structure: of an RSA key that is the modulus.
    static func bitsOfLargestInteger(_ bytes: ArraySlice<UInt8>, depth: Int = 0) -> Int {
        guard depth < 8 else { return 0 }
        var rest = bytes
        var largest = 0
        while let (tag, content, after) = element(rest) {
            switch tag {
            case 0x02: largest = max(largest, bits(content))
            // Sequences, and the strings that public and private keys wrap theirs in.
            case 0x30, 0x04: largest = max(largest, bitsOfLargestInteger(content, depth: depth + 1))
            case 0x03:
                largest = max(
                    largest, bitsOfLargestInteger(content.dropFirst(), depth: depth + 1))
            default: break
            }
            rest = after
        }
        return largest
    }

    /// Bits of a number without its leading zeros.
    static func bits(_ number: ArraySlice<UInt8>) -> Int {
        let digits = number.drop { $0 == 0 }
        guard let first = digits.first else { return 0 }
        return digits.count * 8 - first.leadingZeroBitCount
    }

    private static func element(
        _ bytes: ArraySlice<UInt8>
    ) -> (tag: UInt8, content: ArraySlice<UInt8>, rest: ArraySlice<UInt8>)? {
        guard let tag = bytes.first, let first = bytes.dropFirst().first else { return nil }
        var body = bytes.dropFirst(2)
        var length = Int(first)
        if first >= 0x80 {
            let count = Int(first & 0x7F)
            guard (1...3).contains(count), body.count >= count else { return nil }
            length = body.prefix(count).reduce(0) { $0 << 8 | Int($1) }
            body = body.dropFirst(count)
        }
        guard body.count >= length else { return nil }
        return (tag, body.prefix(length), body.dropFirst(length))
    }
}
