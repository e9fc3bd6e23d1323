import SluicePolicy
import SluiceVocabulary

/// After a reload: asks of every open connection whether it may still be there, and closes those
/// that may not, evenly spread. WebSockets that pass through a route are asked after the others.
///
/// A sweep looks at some connections only, so that no loop stands still for the sum of them.
struct PermissionWalk {
    /// Connections looked at in one sweep.
    private static let connectionsPerSweep = 1_000

    /// The next place in the table.
    private var slot = 0
    /// Tunnels still to be asked; nil before the first. Later ones were decided by the new policy.
    private var tunnels: [RouteTunnel]?
    /// Connections that may be closed now, in thousandths.
    private var credit: Int64 = 0

    /// Goes on for one sweep. Returns false when every connection has been asked.
    mutating func step(_ edge: EdgeLoop) -> Bool {
        credit += edge.reloadCloseAllowance
        for _ in 0..<Self.connectionsPerSweep {
            if slot < edge.table.slotCount {
                if let client = edge.table.client(inSlot: slot), !edge.mayStay(client) {
                    guard pays(edge) else { return true }
                    client.close(.permissionDenied)
                }
                slot += 1
                continue
            }
            var left = tunnels ?? Array(edge.tunnels.values)
            guard let tunnel = left.popLast() else { return false }
            if !edge.mayStay(tunnel) {
                guard pays(edge) else { return true }
                tunnel.close(.permissionDenied)
            }
            tunnels = left
        }
        // What was not used is not saved up: the next sweep would close more than its share.
        credit = min(credit, 1_000)
        return true
    }

    /// Whether one more may be closed now; it is then accounted for.
    private mutating func pays(_ edge: EdgeLoop) -> Bool {
        guard credit >= 1_000 else {
            edge.meters.limitExceeded("reload_close_per_second")
            return false
        }
        credit -= 1_000
        return true
    }
}

extension EdgeLoop {
    /// This loop's share of the connections that a reload may close in one sweep, in thousandths.
    var reloadCloseAllowance: Int64 {
        let perSecond = Int64(limits.reloadClosePerSecond)
        return max(1, perSecond * Self.sweepIntervalMilliseconds / Int64(peers.count + 1))
    }

    /// Whether the policy in force permits a connection that is there. It spends nothing.
    ///
    /// Where it asks about a field of the handshake that nobody kept, the connection stays.
    func mayStay(_ client: ClientConnection) -> Bool {
        guard client.phase == .open else { return true }
        let (call, isComplete) = connectCall(of: client)
        return !isComplete || evaluator.isPermitted(call, for: client.subject)
    }

    /// The same of a WebSocket that passes through a route. One whose route has gone ends by itself.
    func mayStay(_ tunnel: RouteTunnel) -> Bool {
        guard let call = tunnel.policyCall else { return true }
        return evaluator.isPermitted(call, for: tunnel.subject)
    }
}
