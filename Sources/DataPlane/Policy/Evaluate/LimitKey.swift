import SluiceVocabulary

extension CallFacts {
    /// The key of a bucket. A part that has no value is replaced by the address.
    func key(_ sources: [KeySource]) -> KeyFingerprint {
        var builder = KeyFingerprintBuilder()
        for source in sources {
            switch source {
            case .session:
                if let session = subject.session {
                    builder.add(high: session.high, low: session.low, kind: 3)
                } else {
                    addAddress(bits4: 32, bits6: 64, to: &builder)
                }
            case .address(let bits4, let bits6):
                addAddress(bits4: bits4, bits6: bits6, to: &builder)
            default:
                if let text = text(source) {
                    builder.add(text: text, kind: source.kind)
                } else {
                    addAddress(bits4: 32, bits6: 64, to: &builder)
                }
            }
        }
        return builder.finish()
    }

    /// IPv6 counts by its first 64 bits where the policy does not say otherwise: a subscriber has
    /// all the rest to choose from.
    private func addAddress(bits4: UInt8, bits6: UInt8, to builder: inout KeyFingerprintBuilder) {
        let cut = subject.address.prefix(bits4: bits4, bits6: bits6)
        builder.add(high: cut.high, low: cut.low, kind: subject.address.isV4 ? 4 : 7)
    }
}

extension KeySource {
    /// Tells equal texts of different sources apart.
    fileprivate var kind: UInt64 {
        switch self {
        case .claim: 1
        case .device: 2
        case .session: 3
        case .address: 4
        case .topic: 5
        case .loginUser: 6
        case .platform: 8
        case .app: 9
        case .transport: 10
        case .action: 11
        case .route: 12
        case .method: 13
        case .header: 14
        }
    }
}
