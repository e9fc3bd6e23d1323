package import NIOCore
import SluiceFraming
package import SluiceVocabulary

/// The directory of the users that one loop owns, and the way to those of the other loops.
///
/// User u lives on loop hash(u) mod n: registration, device rule, presence and pushes of one user
/// all pass that loop, so they never race. Loop-bound.
package final class Sessions {
    private var directory: SessionDirectory
    private var presence: PresenceQueue
    private var isTelling = false
    private let loop: any EventLoop
    private let index: Int
    private let meters: SessionMeters
    private var hub: SessionsHub?
    /// Of the connections that `enforceDevices` may close, in thousandths.
    private var credit: Int64 = 0

    /// Writes a push to a connection of this loop; false when the connection is gone or drops it.
    package var deliver: (ConnectionID, PushMessage) -> Bool = { _, _ in false }
    /// Tells a connection of this loop which device took over, empty if none did, and closes it.
    package var close: (ConnectionID, CloseReason, _ device: String) -> Void = { _, _, _ in }
    /// Tells the user service about a transition; the completion says how it took it. Runs on this
    /// loop, possibly before the call returns.
    package var tell:
        (PresenceTransition, _ completion: @escaping (PresenceOutcome) -> Void) -> Void = {
            _, completion in completion(.taken(notify: []))
        }
    /// The time of this turn of the loop.
    package var now: () -> MonotonicTime = { MonotonicTime(nanoseconds: 0) }

    /// - Parameters:
    ///   - start: where presence is numbered from, and whether it may be told at once.
    package init(
        loop: any EventLoop, index: Int, meters: SessionMeters, start: PresenceStart = .init()
    ) {
        self.loop = loop
        self.index = index
        self.meters = meters
        directory = SessionDirectory(firstNumber: start.firstNumber)
        presence = PresenceQueue(maxWaiting: start.maxWaiting, isOpen: start.isOpen)
    }

    /// How presence begins on a loop.
    package struct PresenceStart: Sendable {
        /// Transitions get greater numbers than this.
        package var firstNumber: UInt64
        /// Transitions kept while the service does not take them.
        package var maxWaiting: Int
        /// False = nothing is told before `openPresence()`.
        package var isOpen: Bool

        package init(firstNumber: UInt64 = 0, maxWaiting: Int = 100_000, isOpen: Bool = true) {
            self.firstNumber = firstNumber
            self.maxWaiting = maxWaiting
            self.isOpen = isOpen
        }

        /// Numbers of a run that began at this wall time, in milliseconds: greater than those of any
        /// earlier run, as long as there were fewer than 2,048 transitions a millisecond, and within
        /// 2^53 until the year 2109.
        package static func firstNumber(epoch milliseconds: UInt64) -> UInt64 {
            milliseconds << 11
        }
    }

    /// Makes the other loops reachable. Called once, before the first connection.
    package func join(_ hub: SessionsHub) { self.hub = hub }

    /// Users, sessions and unconfirmed presence transitions of this loop.
    package var sizes: (users: Int, sessions: Int, presence: Int) {
        (directory.userCount, directory.sessionCount, presence.count)
    }

    // MARK: A connection comes and goes (called on the connection's loop)

    /// Enters an authenticated connection into its user's directory.
    package func register(_ entry: SessionEntry) {
        onOwner(of: entry.user) { owner in owner.enter(entry) }
    }

    /// Takes a connection out again.
    package func unregister(user: String, connection: ConnectionID) {
        onOwner(of: user) { owner in owner.leave(user: user, connection: connection) }
    }

    /// Connections of a user this loop owns.
    func entries(of user: String) -> [SessionEntry] { directory.entries(of: user) }

    private func enter(_ entry: SessionEntry) {
        loop.preconditionInEventLoop()
        let registration = directory.register(entry)
        meters.sessions.set(Int64(directory.sessionCount))
        if registration.isRefused { return refuse(entry.connection) }
        for old in registration.superseded { giveWay(old, .superseded, to: entry.device) }
        for old in registration.replaced { giveWay(old, .replaced, to: entry.device) }
        if let transition = registration.transition { announce(transition) }
    }

    private func leave(user: String, connection: ConnectionID) {
        loop.preconditionInEventLoop()
        let transition = directory.remove(user: user, connection: connection)
        meters.sessions.set(Int64(directory.sessionCount))
        if let transition { announce(transition) }
    }

    private func giveWay(_ old: SessionEntry, _ reason: CloseReason, to device: String) {
        let connection = old.connection
        onLoop(of: connection) { $0.close(connection, reason, device) }
    }

    /// Not within the call that registers it: the newcomer is wholly set up by then, on whichever
    /// loop it lives.
    private func refuse(_ connection: ConnectionID) {
        let bound = NIOLoopBound(self, eventLoop: loop)
        loop.execute {
            bound.value.onLoop(of: connection) { $0.close(connection, .deviceRefused, "") }
        }
    }

    private func onOwner(of user: String, _ work: @escaping @Sendable (Sessions) -> Void) {
        guard let hub else { return work(self) }
        hub.run(on: hub.owner(of: user), from: self, work)
    }

    // MARK: Devices

    /// Users looked at in one step through those who were here when the rule changed.
    private static let maxUsersPerStep = 2_000

    /// Another rule on how many connections a user may have: at once for who comes, in steps for
    /// who is here.
    package func adopt(_ rule: DeviceRule) {
        loop.preconditionInEventLoop()
        directory.adopt(rule)
    }

    /// Takes the next step after the rule has changed. Called about every 100 ms.
    ///
    /// - Parameter allowance: connections this step may close, in thousandths. What is less than a
    ///   whole one is kept for the next step.
    /// - Returns: true when it stopped because no more may be closed now.
    package func enforceDevices(allowance: Int64) -> Bool {
        guard directory.isEnforcing else {
            credit = 0
            return false
        }
        credit += allowance
        let closes = Int(credit / 1_000)
        credit %= 1_000
        let gone = directory.enforce(users: Self.maxUsersPerStep, closes: closes)
        meters.sessions.set(Int64(directory.sessionCount))
        for old in gone { giveWay(old, .replaced, to: "") }
        return directory.isEnforcing && gone.count == closes
    }

    // MARK: Presence

    private func announce(_ transition: PresenceTransition) {
        (transition.isOnline ? meters.online : meters.offline).add()
        let folded = presence.folded
        presence.add(transition)
        if presence.folded > folded { meters.presenceFolded.add() }
        tellPresence(now())
    }

    /// Lets presence be told; until then transitions wait.
    package func openPresence() {
        loop.preconditionInEventLoop()
        presence.isOpen = true
        tellPresence(now())
    }

    /// Tells what can be told now. Called about every 100 ms, too: that is how failed calls are
    /// tried again.
    package func tellPresence(_ now: MonotonicTime) {
        // A call that ends before `tell` returns comes back here.
        guard presence.count > 0, !isTelling else { return }
        isTelling = true
        defer { isTelling = false }
        while let transition = presence.next(now) {
            tell(transition) { [self] outcome in
                let givenUp = presence.givenUp
                presence.finished(user: transition.user, outcome, self.now())
                if presence.givenUp > givenUp { meters.presenceGivenUp.add() }
                if case .taken(let notify) = outcome, !notify.isEmpty {
                    fanOut(transition, to: notify)
                }
                tellPresence(self.now())
            }
        }
    }

    private func fanOut(_ transition: PresenceTransition, to users: [String]) {
        let event = PresenceEvent(
            user: transition.user, online: transition.isOnline, number: transition.number)
        let message = PushMessage(
            command: GatewayCommand.presence.rawValue, deliveryClass: .latest, format: 0,
            payload: event.encoded(codec: .protobuf), payloadForJSON: event.encoded(codec: .json))
        push(message, to: .users(users)) { _ in }
    }

    // MARK: Pushes (called on any loop's own Sessions)

    /// Sends a message to its targets on all loops. `completion` runs on this loop, once.
    package func push(
        _ message: PushMessage, to targets: PushTargets,
        completion: @escaping (PushResult) -> Void
    ) {
        loop.preconditionInEventLoop()
        guard let hub else { return completion(deliverOwned(message, to: targets)) }
        let completion = countingAbsentSessions(of: targets, completion)
        let parts = hub.split(targets)
        let gather = PushGather(expecting: parts.count, completion: completion)
        let bound = NIOLoopBound(gather, eventLoop: loop)
        let home = index
        for (owner, part) in parts {
            hub.run(on: owner, from: self) { sessions in
                let result = sessions.deliverOwned(message, to: part)
                sessions.hub?.run(on: home, from: sessions) { _ in bound.value.add(result) }
            }
        }
        if parts.isEmpty { completion(PushResult()) }
    }

    /// No single loop knows that a session is nowhere: what nobody delivered was offline.
    private func countingAbsentSessions(
        of targets: PushTargets, _ completion: @escaping (PushResult) -> Void
    ) -> (PushResult) -> Void {
        guard case .sessions(let sessions) = targets else { return completion }
        let wanted = UInt32(Set(sessions).count)
        return { result in
            var result = result
            result.offline = wanted - min(wanted, result.delivered)
            completion(result)
        }
    }

    /// Delivers to users this loop owns, wherever their connections live.
    private func deliverOwned(_ message: PushMessage, to targets: PushTargets) -> PushResult {
        var result = PushResult()
        switch targets {
        case .users(let users):
            for user in users {
                let entries = directory.entries(of: user)
                if entries.isEmpty {
                    result.offline += 1
                    meters.push(message.deliveryClass, .offline)
                } else {
                    result.delivered += 1
                    for entry in entries { deliver(message, to: entry) }
                }
            }
        case .sessions(let sessions):
            let wanted = Set(sessions)
            for entry in directory.all where wanted.contains(entry.session) {
                result.delivered += 1
                deliver(message, to: entry)
            }
        case .all:
            for entry in directory.all {
                result.delivered += 1
                deliver(message, to: entry)
            }
        }
        return result
    }

    private func deliver(_ message: PushMessage, to entry: SessionEntry) {
        let connection = entry.connection
        onLoop(of: connection) { $0.write(message, to: connection) }
    }

    /// Runs `work` where a connection lives: here and now when that is this loop.
    private func onLoop(
        of connection: ConnectionID, _ work: @escaping @Sendable (Sessions) -> Void
    ) {
        guard let hub, connection.loop != index else { return work(self) }
        hub.run(on: connection.loop, from: self, work)
    }

    private func write(_ message: PushMessage, to connection: ConnectionID) {
        meters.push(message.deliveryClass, deliver(connection, message) ? .delivered : .dropped)
    }
}

@available(*, unavailable)
extension Sessions: Sendable {}

/// Adds up the parts of one push's result. Bound to the loop the push came from.
private final class PushGather {
    private var missing: Int
    private var sum = PushResult()
    private let completion: (PushResult) -> Void

    init(expecting parts: Int, completion: @escaping (PushResult) -> Void) {
        missing = parts
        self.completion = completion
    }

    func add(_ result: PushResult) {
        sum = sum + result
        missing -= 1
        if missing == 0 { completion(sum) }
    }
}

@available(*, unavailable)
extension PushGather: Sendable {}
