/// An IP address as a number. IPv4, and IPv4 mapped into IPv6 (RFC 4291 section 2.5.5.2), are one
/// and the same address, so that a rule for one always meets the other.
package struct IPAddress: Sendable, Hashable {
    /// The 128 bits of the IPv6 form; IPv4 addresses stand in their mapped form `::ffff:a.b.c.d`.
    package let value: UInt128

    private static let mappedPrefix: UInt128 = 0xFFFF << 32

    /// - Parameter value: the IPv6 form.
    package init(value: UInt128) { self.value = value }

    /// - Parameter bytes: 4 or 16 in network order; nil for any other count.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        let number = bytes.reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
        value = bytes.count == 4 ? Self.mappedPrefix | number : number
    }

    /// Reads the text form of an address (RFC 4291 section 2.2), IPv4 in four decimal numbers without
    /// leading zeros. A zone (`fe80::1%eth0`, RFC 4007) is left out of the value.
    package init?(_ text: some StringProtocol) {
        if !text.contains(":") {
            guard let number = Self.number(ofIPv4: text) else { return nil }
            value = Self.mappedPrefix | UInt128(number)
            return
        }
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 1 || !parts[1].isEmpty, let number = Self.number(ofIPv6: parts[0])
        else { return nil }
        value = number
    }

    /// True for IPv4 addresses, mapped ones too.
    package var isV4: Bool { value >> 32 == 0xFFFF }

    /// 4 bytes (IPv4) or 16 (IPv6) in network order.
    package var bytes: [UInt8] {
        let count = isV4 ? 4 : 16
        return (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * (count - 1 - $0))) }
    }

    /// The canonical text (RFC 5952): IPv4 in decimal, IPv6 in lower case with its longest run of
    /// zero groups left out.
    package var text: String {
        if isV4 { return bytes.map { String($0) }.joined(separator: ".") }
        let groups = (0..<8).map { UInt16(truncatingIfNeeded: value >> (16 * (7 - $0))) }
        guard let gap = Self.longestZeroRun(groups) else { return Self.text(of: groups[...]) }
        return Self.text(of: groups[..<gap.lowerBound]) + "::"
            + Self.text(of: groups[gap.upperBound...])
    }

    private static func text(of groups: ArraySlice<UInt16>) -> String {
        groups.map { String($0, radix: 16) }.joined(separator: ":")
    }

    /// The first of the longest runs of at least two zeros.
    private static func longestZeroRun(_ groups: [UInt16]) -> Range<Int>? {
        var best = 0..<0
        var start = 0
        for index in 0...groups.count where index == groups.count || groups[index] != 0 {
            if index - start > best.count { best = start..<index }
            start = index + 1
        }
        return best.count >= 2 ? best : nil
    }

    private static func number(ofIPv4 text: some StringProtocol) -> UInt32? {
        let parts = text.utf8.split(separator: 0x2E, omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var number: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.count == 1 || part.first != 0x30 else {
                return nil
            }
            var octet: UInt32 = 0
            for digit in part {
                guard (0x30...0x39).contains(digit) else { return nil }
                octet = octet * 10 + UInt32(digit - 0x30)
            }
            guard octet <= 255 else { return nil }
            number = number << 8 | octet
        }
        return number
    }

    private static func number(ofIPv6 text: some StringProtocol) -> UInt128? {
        guard let gap = text.firstRange(of: "::") else {
            guard let groups = groups(text), groups.count == 8 else { return nil }
            return number(of: groups)
        }
        guard let head = groups(text[..<gap.lowerBound], isEnd: false),
            let tail = groups(text[gap.upperBound...])
        else { return nil }
        // `::` stands for at least one group.
        let missing = 8 - head.count - tail.count
        guard missing >= 1 else { return nil }
        return number(of: head + Array(repeating: 0, count: missing) + tail)
    }

    private static func number(of groups: [UInt16]) -> UInt128 {
        groups.reduce(0) { $0 << 16 | UInt128($1) }
    }

    /// Groups parted by `:`; the last may be an IPv4 address, which is two groups.
    private static func groups(_ text: some StringProtocol, isEnd: Bool = true) -> [UInt16]? {
        if text.isEmpty { return [] }
        var groups: [UInt16] = []
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if part.contains(".") {
                guard isEnd, index == parts.count - 1, let number = number(ofIPv4: part) else {
                    return nil
                }
                groups += [UInt16(number >> 16), UInt16(truncatingIfNeeded: number)]
            } else {
                let isHexadecimal = part.utf8.allSatisfy {
                    switch $0 {
                    case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
                    default: false
                    }
                }
                guard (1...4).contains(part.utf8.count), isHexadecimal,
                    let group = UInt16(part, radix: 16)
                else { return nil }
                groups.append(group)
            }
        }
        return groups
    }
}
