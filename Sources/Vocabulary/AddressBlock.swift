/// A block of IP addresses in CIDR notation (RFC 4632 section 3.1).
///
/// IPv4 blocks hold IPv4 addresses alone, mapped ones included; IPv6 blocks, even `::/0`, none.
package struct AddressBlock: Sendable, Hashable {
    private let prefix: UInt128
    private let mask: UInt128
    private let isV4: Bool

    /// Why a text is not a block.
    package enum Problem: Error, Equatable {
        /// Not an address, or no good number of bits.
        case notABlock
        /// Bits are set behind the prefix; the text says which block that would be.
        case hasHostBits(meant: String)
    }

    /// Reads `10.0.0.0/8` or `2001:db8::/32`; an address alone is a block of one.
    package init(_ text: String) throws(Problem) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(parts[0]), !parts[0].contains("%") else { throw .notABlock }
        // `::ffff:10.0.0.0/104` is 10.0.0.0/8 in another coat.
        let isWrittenV4 = !parts[0].contains(":")
        var bits = 128
        if parts.count == 2 {
            guard let number = Self.bits(parts[1], upTo: isWrittenV4 ? 32 : 128) else {
                throw .notABlock
            }
            bits = isWrittenV4 ? number + 96 : number
        }
        mask = bits == 0 ? 0 : ~UInt128(0) << UInt128(128 - bits)
        prefix = address.value & mask
        isV4 = bits >= 96 && address.isV4
        if prefix != address.value {
            let start = IPAddress(value: prefix).text
            throw .hasHostBits(meant: "\(start)/\(isV4 ? bits - 96 : bits)")
        }
    }

    private static func bits(_ text: Substring, upTo limit: Int) -> Int? {
        guard (1...3).contains(text.utf8.count),
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            text.count == 1 || text.first != "0", let number = Int(text), number <= limit
        else { return nil }
        return number
    }

    /// The block in CIDR notation, always with its bits: `10.0.0.0/8`, `2001:db8::/32`.
    package var text: String {
        let bits = mask.nonzeroBitCount
        return "\(IPAddress(value: prefix).text)/\(isV4 ? bits - 96 : bits)"
    }

    /// True when the address lies in the block.
    package func contains(_ address: IPAddress) -> Bool {
        address.isV4 == isV4 && address.value & mask == prefix
    }
}

/// The proxies whose word about the client's address is believed.
package struct TrustedProxies: Sendable, Equatable {
    package var blocks: [AddressBlock]
    /// Whoever reaches a Unix socket is trusted: its mode says who that is.
    package var includesUnixSockets: Bool

    package init(blocks: [AddressBlock] = [], includesUnixSockets: Bool = false) {
        self.blocks = blocks
        self.includesUnixSockets = includesUnixSockets
    }

    /// Whether a peer is such a proxy.
    ///
    /// - Parameter address: nil = the peer came over a Unix socket.
    package func contains(_ address: IPAddress?) -> Bool {
        guard let address else { return includesUnixSockets }
        return blocks.contains { $0.contains(address) }
    }
}
