package import SluiceVocabulary

/// Who calls, as one connection's policy state: what its recent actions meet, found once.
///
/// Loop-bound. Small until first used; after a reload or `identify` it resolves anew.
package final class PolicySubject {
    let address: PeerAddress
    private(set) var principal: Principal?
    private(set) var session: SessionID?
    private(set) var device: String

    /// Serial of the snapshot that the plans are made for; 0 = none.
    private(set) var serial: UInt64 = 0
    /// The plan of the last call.
    private(set) var recent: CallPlan?
    private var plans: [CallPlan] = []
    private var nextVictim = 0

    /// Plans kept per connection. A client that uses more actions than these pays for looking up.
    private static let maxPlans = 16

    /// - Parameters:
    ///   - address: 4 or 16 bytes in network order.
    ///   - principal: nil while not authenticated.
    ///   - device: the client's own id of its device; empty if it named none.
    package init(
        address: [UInt8], principal: Principal? = nil, session: SessionID? = nil,
        device: String = ""
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
        forgetPlans(serial: 0)
    }

    /// The plan of an action, if there is one of this snapshot.
    @inline(__always)
    func plan(of action: Int, serial: UInt64) -> CallPlan? {
        if self.serial == serial, let recent, recent.action == action { return recent }
        return olderPlan(of: action, serial: serial)
    }

    @inline(never)
    private func olderPlan(of action: Int, serial: UInt64) -> CallPlan? {
        guard self.serial == serial, let plan = plans.first(where: { $0.action == action }) else {
            return nil
        }
        recent = plan
        return plan
    }

    /// Keeps a plan, in place of one of the same action or, when there are many, of some other.
    func keep(_ plan: CallPlan, serial: UInt64) {
        if self.serial != serial { forgetPlans(serial: serial) }
        recent = plan
        if let place = plans.firstIndex(where: { $0.action == plan.action }) {
            plans[place] = plan
        } else if plans.count < Self.maxPlans {
            plans.append(plan)
        } else {
            plans[nextVictim] = plan
            nextVictim = (nextVictim + 1) % Self.maxPlans
        }
    }

    private func forgetPlans(serial: UInt64) {
        self.serial = serial
        recent = nil
        plans = []
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
            case .address(let bits4, let bits6):
                addAddress(bits4: bits4, bits6: bits6, to: &builder)
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
