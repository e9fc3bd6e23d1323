/// Where a link stands, for operators.
package enum LinkState: String, Sendable, CaseIterable {
    case connecting, ready, draining, waiting, stopped

    init(_ state: LinkStateMachine.State) {
        switch state {
        case .idle, .stopped: self = .stopped
        case .connecting: self = .connecting
        case .ready: self = .ready
        case .draining: self = .draining
        case .waiting: self = .waiting
        }
    }
}
