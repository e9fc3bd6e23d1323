package import SluiceVocabulary

/// Who calls, as one connection's policy state: the permission table its principal shares with all
/// alike, and the buckets its calls came upon so far.
///
/// Loop-bound. Small until first used; after a reload or `identify` it resolves anew.
package final class PolicySubject {
    let address: PeerAddress
    private(set) var principal: Principal?
    private(set) var session: SessionID?
    private(set) var device: String

    /// Serial of the snapshot that the rest is resolved for; 0 = none.
    var serial: UInt64 = 0
    var table: PermissionTable?
    var slots = BucketSlots()

    /// - Parameters:
    ///   - address: 4 or 16 bytes in network order.
    ///   - principal: nil while not authenticated.
    ///   - device: the client's own id of its device; empty if it named none.
    package init(
        address: [UInt8], principal: Principal? = nil, session: SessionID? = nil, device: String = ""
    ) {
        self.address = PeerAddress(address)
        self.principal = principal
        self.session = session
        self.device = device
    }

    /// The client has shown who it is, or brought a fresh token.
    package func identify(principal: Principal?, session: SessionID?, device: String) {
        self.principal = principal
        self.session = session
        self.device = device
        serial = 0
    }

    /// The key of a bucket. A part that has no value is replaced by the address.
    func key(_ sources: [KeySource], call: PolicyCall) -> KeyFingerprint {
        var builder = KeyFingerprintBuilder()
        for source in sources {
            switch source {
            case .claim(let path): add(claimText(at: path), kind: 1, to: &builder)
            case .device: add(device.isEmpty ? nil : device, kind: 2, to: &builder)
            case .session:
                if let session {
                    builder.add(high: session.high, low: session.low, kind: 3)
                } else {
                    addAddress(bits4: 32, bits6: 64, to: &builder)
                }
            case .address(let bits4, let bits6): addAddress(bits4: bits4, bits6: bits6, to: &builder)
            case .topic: add(call.topic, kind: 5, to: &builder)
            case .loginUser: add(call.loginUser, kind: 6, to: &builder)
            }
        }
        return builder.finish()
    }

    func claimText(at path: [String]) -> String? {
        if path.count == 1, path[0] == "sub" { return principal?.user }
        return principal?.claim(at: path)?.scalarText
    }

    private func add(_ text: String?, kind: UInt64, to builder: inout KeyFingerprintBuilder) {
        if let text {
            builder.add(text: text, kind: kind)
        } else {
            addAddress(bits4: 32, bits6: 64, to: &builder)
        }
    }

    /// IPv6 counts by its first 64 bits where the policy does not say otherwise: a subscriber has
    /// all the rest to choose from.
    private func addAddress(bits4: UInt8, bits6: UInt8, to builder: inout KeyFingerprintBuilder) {
        let cut = address.prefix(bits4: bits4, bits6: bits6)
        builder.add(high: cut.high, low: cut.low, kind: address.isV4 ? 4 : 7)
    }
}

@available(*, unavailable)
extension PolicySubject: Sendable {}
