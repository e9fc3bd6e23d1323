package import SluiceVocabulary

/// Who calls, as one connection's policy state: what its recent actions meet, found once.
///
/// Loop-bound. Small until first used; after a reload or `identify` it resolves anew.
package final class PolicySubject {
    let address: PeerAddress
    /// Who calls, as far as is proven.
    package private(set) var principal: Principal?
    private(set) var session: SessionID?
    private(set) var device: Device

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
    ///   - device: what the client says it runs on.
    package init(
        address: [UInt8], principal: Principal? = nil, session: SessionID? = nil,
        device: Device = Device()
    ) {
        self.address = PeerAddress(address)
        self.principal = principal
        self.session = session
        self.device = device
    }

    /// The client has shown who it is, or brought a fresh token. Cheap when that is who it was.
    package func identify(principal: Principal?, session: SessionID?, device: Device) {
        let isSame = principal === self.principal && session == self.session
        if isSame, device == self.device { return }
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

    func claimText(at path: [String]) -> String? {
        principal?.claim(at: path)?.scalarText
    }
}

@available(*, unavailable)
extension PolicySubject: Sendable {}
