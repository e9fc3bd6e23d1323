import NIOCore
import NIOPosix
import SluiceEdge
import SluiceFraming
import SluiceKeySets
import SluicePolicy
import SluiceSessions
import SluiceTelemetry
import SluiceUpstream
import SluiceVocabulary

/// The loops of a running gateway and their listening sockets.
final class RunningGateway: Sendable {
    let units: [LoopUnit]
    let hub: SessionsHub
    private let listeners: [OpenListener]
    private let signatures: SignaturePool
    private let admission: Admission
    private let journal: Journal

    private init(
        units: [LoopUnit], hub: SessionsHub, listeners: [OpenListener], materials: LoopMaterials
    ) {
        signatures = materials.signatures
        admission = materials.admission
        journal = materials.journal
        self.units = units
        self.hub = hub
        self.listeners = listeners
    }

    /// Builds every loop, connects to the services and listens; clients wait until `accept`.
    ///
    /// - Parameter listeners: probed already, so that a port in use has been an error.
    static func start(
        group: MultiThreadedEventLoopGroup, materials: LoopMaterials, listeners: [Listener]
    ) async throws -> RunningGateway {
        var units: [LoopUnit] = []
        for (index, loop) in group.makeIterator().enumerated() {
            units.append(
                try await loop.submit {
                    LoopAssembly.build(on: loop, index: index, materials)
                }.get())
        }
        let hub = SessionsHub(members: units.map { ($0.loop, $0.sessions) })
        let all = units.enumerated().map {
            OtherLoop(index: $0, loop: $1.loop, edge: $1.edge)
        }
        for (index, unit) in units.enumerated() {
            var others = all
            others.remove(at: index)
            try await unit.loop.submit { [others] in
                unit.sessions.value.join(hub)
                unit.edge.value.join(others)
                unit.edge.value.upstream.start()
                unit.edge.value.start()
            }.get()
        }
        PresenceReset.start(units, epoch: materials.epoch, journal: materials.journal)
        let places = units.map { ($0.loop, $0.edge) }
        var open: [OpenListener] = []
        do {
            for listener in listeners {
                open.append(try await listener.open(places, group: group))
            }
        } catch {
            for listener in open { await listener.abandon() }
            throw error
        }
        return RunningGateway(units: units, hub: hub, listeners: open, materials: materials)
    }

    /// The start has failed elsewhere: nothing of the listeners stays.
    func abandonListeners() async { for listener in listeners { await listener.abandon() } }

    /// Takes clients from now on.
    func accept() async {
        for listener in listeners { await listener.accept() }
    }

    /// Tells every loop to decide by a snapshot; none has yet when this returns.
    ///
    /// - Returns: for each loop how many nanoseconds it took to take it over.
    func beginPublishing(_ snapshot: EdgeSnapshot) -> [EventLoopFuture<Int64>] {
        units.map { unit in
            unit.loop.submit {
                let clocks = SystemClocks()
                let start = clocks.monotonic()
                unit.edge.value.adopt(snapshot)
                return clocks.monotonic().nanoseconds(since: start)
            }
        }
    }

    /// Returns when every loop decides by what it was told, with the longest time that took one.
    func finishPublishing(_ done: [EventLoopFuture<Int64>]) async -> Int64 {
        var longest: Int64 = 0
        for future in done {
            // A loop refuses work only when the process is ending; then nothing is left to decide.
            longest = max(longest, (try? await future.get()) ?? 0)
        }
        return longest
    }

    /// Asks the key source when a token names a key nobody knows.
    func connect(_ source: KeySetSource) {
        for unit in units {
            unit.loop.execute {
                let bound = NIOLoopBound(unit.edge.value, eventLoop: unit.loop)
                bound.value.onUnknownKey = { done in
                    Task {
                        let isFresh = await source.refetch()
                        unit.loop.execute { done(isFresh ? .fetched : .failed) }
                    }
                }
            }
        }
    }

    /// Sizes of all maps, added up over the loops.
    func sizes() async -> [(name: String, count: Int)] {
        var sums: [(name: String, count: Int)] = []
        for unit in units {
            guard let sizes = try? await unit.loop.submit({ unit.edge.value.sizes }).get() else {
                continue
            }
            if sums.isEmpty {
                sums = sizes
            } else {
                for index in sizes.indices { sums[index].count += sizes[index].count }
            }
        }
        return sums
    }

    /// An instance as all loops see it.
    struct InstanceView {
        var service: String
        var instance: String
        /// Loops with a link to it.
        var connected: Int
        var loops: Int
        /// The worst that a loop thinks of it.
        var health: InstanceState
        var weight: Int
        var inFlight: Int
        /// The longest that a loop still keeps it out.
        var ejectedMilliseconds: Int64
    }

    /// State of every instance, added up over the loops.
    func instances() async -> [InstanceView] {
        var found: [InstanceView] = []
        for unit in units {
            let states =
                (try? await unit.loop.submit { unit.edge.value.upstream.states }.get()) ?? []
            for state in states {
                let isUp = state.state == .ready ? 1 : 0
                guard
                    let index = found.firstIndex(where: {
                        $0.service == state.service && $0.instance == state.instance
                    })
                else {
                    found.append(
                        InstanceView(
                            service: state.service, instance: state.instance, connected: isUp,
                            loops: 1, health: state.health, weight: state.weight,
                            inFlight: state.inFlight,
                            ejectedMilliseconds: state.ejectedMilliseconds))
                    continue
                }
                found[index].connected += isUp
                found[index].loops += 1
                found[index].inFlight += state.inFlight
                found[index].ejectedMilliseconds = max(
                    found[index].ejectedMilliseconds, state.ejectedMilliseconds)
                if state.health > found[index].health { found[index].health = state.health }
            }
        }
        return found
    }

    /// Stops listening and asks every client to go; by the deadline the last connection is closed.
    ///
    /// What was asked before is not asked again: the first deadline holds.
    ///
    /// - Parameter isCutShort: tells that nobody is waited for any more (a second signal).
    func startDrain(
        deadlineMilliseconds: Int64, isCutShort: @Sendable () -> Bool = { false }
    ) async {
        // First, or whoever is told to come back elsewhere could come back here.
        for listener in listeners {
            do { try await listener.refuseNew() } catch { complain(error) }
        }
        for unit in units {
            unit.loop.execute {
                unit.edge.value.startDrain(deadlineMilliseconds: deadlineMilliseconds)
            }
        }
        await takeThoseWhoKnock(isCutShort)
        for listener in listeners { await listener.close() }
    }

    private func complain(_ error: any Error) {
        var record = AccessRecord(event: .gateway, logClass: .error, time: SystemClocks().wall())
        record.message =
            "cannot hold back new connections while the doors close: \(error); some may be reset"
        journal.writeShared(record)
    }

    /// Returns when nobody waits to be accepted any more, after a while at the latest.
    private func takeThoseWhoKnock(_ isCutShort: @Sendable () -> Bool) async {
        let clock = ContinuousClock()
        let began = clock.now
        var looks = 0
        while listeners.contains(where: \.isOpen), !isCutShort() {
            try? await Task.sleep(for: Self.knockInterval)
            let passed = clock.now - began
            // Where nobody is, hardly anybody is just coming.
            if admission.count > 0, passed < Self.handshakePatience { continue }
            var isAwaited = false
            for listener in listeners where !isAwaited { isAwaited = await listener.isAwaited() }
            looks += 1
            guard !isAwaited || looks > Self.maxAcceptLooks else { continue }
            // A Unix socket's connections are on their way to their loops.
            _ = await sizes()
            return
        }
    }

    private static let knockInterval = Duration.milliseconds(20)
    /// How long the last word of a handshake under way may take.
    private static let handshakePatience = Duration.milliseconds(200)
    /// Looks, each after a turn of every loop, that busy loops have to accept those who wait: two
    /// seconds. Not by the clock, since a process that stood still has accepted nobody meanwhile.
    private static let maxAcceptLooks = 100

    /// Stops listening and lets every client go in its time; returns when none is left.
    ///
    /// - Parameter isCutShort: tells that waiting is over (a second signal).
    func drain(deadlineMilliseconds: Int64, isCutShort: @Sendable () -> Bool) async {
        let clock = ContinuousClock()
        let began = clock.now
        let end = began + .milliseconds(deadlineMilliseconds + 1_000)
        let half = began + .milliseconds(deadlineMilliseconds / 2)
        await startDrain(deadlineMilliseconds: deadlineMilliseconds, isCutShort: isCutShort)
        // Those that have not come as far as a protocol may do so in the first half.
        while clock.now < end, !isCutShort(),
            await connections() > 0 || (clock.now < half && admission.count > 0)
        {
            try? await Task.sleep(for: .milliseconds(50))
        }
        for unit in units { unit.loop.execute { unit.edge.value.closeAll(.drain) } }
        // Whoever went with the drain is offline: the user service should hear it from this run.
        let last = clock.now + .milliseconds(Self.lastPresenceMilliseconds)
        while clock.now < last, !isCutShort(), await count("presence") > 0 {
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    /// How long the last presence may take after the last connection has gone.
    private static let lastPresenceMilliseconds: Int64 = 2_000

    private func count(_ name: String) async -> Int {
        await sizes().first { $0.name == name }?.count ?? 0
    }

    /// Connections that are still there.
    private func connections() async -> Int {
        let sizes = await sizes()
        let waitedFor = ["connections", "http_connections", "route_calls"]
        return sizes.filter { waitedFor.contains($0.name) }
            .reduce(0) { $0 + $1.count }
    }

    /// Ends the links and timers of every loop.
    func stop() async {
        for unit in units {
            try? await unit.loop.submit {
                unit.edge.value.upstream.stop()
                unit.edge.value.stop()
            }.get()
        }
        // Threads that still compute have nobody left to tell.
        try? await signatures.stop()
    }
}
