import NIOCore
import NIOEmbedded
import SluiceSessions
import SluiceTelemetry
import SluiceVocabulary
import Synchronization
import Testing

/// Devices on several loops that run at once.
@Suite("Devices on several loops")
struct DeviceRaceTests {
    @Test(
        "whatever loops do at once, a connection ends once, the rule holds, and presence is told once",
        arguments: 0..<12 as Range<UInt64>)
    func race(seed: UInt64) async throws {
        var random = Seeded(state: seed)
        let rules = [
            DeviceRule(.onePerClass, classByPlatform: classes), DeviceRule(.total(1)),
            DeviceRule(.total(2)), DeviceRule(.total(2), refusesNewer: true),
            DeviceRule(.onePerClass, classByPlatform: classes, refusesNewer: true),
        ]
        let told = Told()
        let world = try await World(loops: 3, told)
        try await world.adopt(DeviceRule())
        for round in 0..<30 {
            if round % 10 == 5 { try await world.adopt(rules.randomElement(using: &random)!) }
            let seeds = world.loops.map { _ in random.next() }
            // Nobody waits here: every loop works off its own list while the others do.
            for (index, seed) in seeds.enumerated() {
                let bound = world.bound[index]
                world.loops[index].execute { bound.value.act(20, Seeded(state: seed)) }
            }
        }
        try await world.adopt(rules[Int(seed) % rules.count])
        try await world.settle()
        try await world.check(rules[Int(seed) % rules.count], told, seed)
        await world.end()
    }

    @Test("whoever is refused hears it after their own loop has set them up, not before")
    func refused() async throws {
        let told = Told()
        let world = try await World(loops: 1, told)
        try await world.adopt(DeviceRule(.total(1), refusesNewer: true))
        let bound = world.bound[0]
        let closedAtOnce = try await world.loops[0].executeInContext {
            bound.value.come(entry("alice", 1))
            bound.value.come(entry("alice", 2))
            return bound.value.closed.count
        }
        #expect(closedAtOnce == 0)
        try await world.settle()
        let closed = try await world.loops[0].executeInContext { bound.value.closed }
        #expect(closed.map(\.slot) == [2])
        #expect(closed.map(\.reason) == [.deviceRefused])
        await world.end()
    }

    @Test("what a reload closes is paced, down to less than one connection in a step")
    func paced() async throws {
        let world = try await World(loops: 1, Told())
        let bound = world.bound[0]
        let closed = try await world.loops[0].executeInContext {
            let sessions = bound.value.sessions
            for slot in 1...6 { bound.value.come(entry("alice", slot)) }
            sessions.adopt(DeviceRule(.total(1)))
            var steps: [String] = []
            for _ in 0..<9 {
                let isHeldBack = sessions.enforceDevices(allowance: 700)
                steps.append("\(bound.value.closed.count)\(isHeldBack ? " held" : "")")
            }
            return steps
        }
        // Seven in ten steps; the last step finds that nobody is over.
        #expect(
            closed == [
                "0 held", "1 held", "2 held", "2 held", "3 held", "4 held", "4 held", "5 held",
                "5",
            ])
        await world.end()
    }

    @Test("whoever gives way hears which device took over")
    func device() async throws {
        let world = try await World(loops: 1, Told())
        try await world.adopt(DeviceRule(.total(2)))
        let bound = world.bound[0]
        let closed = try await world.loops[0].executeInContext {
            bound.value.come(entry("alice", 1, device: "a"))
            bound.value.come(entry("alice", 2, device: "b"))
            bound.value.come(entry("alice", 3, device: "b"))
            bound.value.come(entry("alice", 4, device: "c"))
            return bound.value.closed
        }
        #expect(closed.map(\.slot) == [2, 1])
        #expect(closed.map(\.reason) == [.superseded, .replaced])
        #expect(closed.map(\.device) == ["b", "c"])
        await world.end()
    }
}

/// Presence as the user service was told of it, from all loops.
private final class Told: Sendable {
    let transitions = Mutex<[PresenceTransition]>([])
}

/// The connections of one loop, as the edge would hold them.
private final class LoopWorld {
    struct Closing: Sendable {
        var slot: Int
        var reason: CloseReason
        var device: String
    }

    let sessions: Sessions
    private let index: Int
    private var nextSlot = 100
    private(set) var open: [ConnectionID: SessionEntry] = [:]
    private(set) var closed: [Closing] = []

    init(_ loop: any EventLoop, _ index: Int, _ registry: MetricsRegistry, _ told: Told) {
        self.index = index
        sessions = Sessions(
            loop: loop, index: index, meters: SessionMeters(registry: registry, shard: index))
        sessions.tell = { transition, done in
            told.transitions.withLock { $0.append(transition) }
            done(.taken(notify: []))
        }
        sessions.close = { [unowned self] connection, reason, device in
            // Gone by itself meanwhile: then nobody is there to be told.
            guard let entry = open.removeValue(forKey: connection) else { return }
            closed.append(Closing(slot: connection.slot, reason: reason, device: device))
            sessions.unregister(user: entry.user, connection: connection)
        }
    }

    func come(_ entry: SessionEntry) {
        open[entry.connection] = entry
        sessions.register(entry)
    }

    /// Some of its clients come, some go.
    func act(_ times: Int, _ random: Seeded) {
        var random = random
        for _ in 0..<times {
            if open.count > 4, Bool.random(using: &random) {
                let leaver = open.keys.min { $0.slot < $1.slot }
                guard let leaver, let entry = open.removeValue(forKey: leaver) else { continue }
                sessions.unregister(user: entry.user, connection: leaver)
            } else {
                nextSlot += 1
                come(
                    entry(
                        "u\(Int.random(in: 0..<4, using: &random))", nextSlot,
                        device: ["", "a", "b"].randomElement(using: &random)!,
                        platform: ["ios", "android", "web"].randomElement(using: &random)!,
                        loop: index))
            }
        }
    }
}

private struct World {
    let loops: [NIOAsyncTestingEventLoop]
    let bound: [NIOLoopBound<LoopWorld>]
    private let hub: SessionsHub

    init(loops count: Int, _ told: Told) async throws {
        let registry = MetricsRegistry(seriesBudget: 1_000)
        let loops = (0..<count).map { _ in NIOAsyncTestingEventLoop() }
        var bound: [NIOLoopBound<LoopWorld>] = []
        var members: [(loop: any EventLoop, sessions: NIOLoopBound<Sessions>)] = []
        for (index, loop) in loops.enumerated() {
            let (world, sessions) = try await loop.executeInContext {
                let world = LoopWorld(loop, index, registry, told)
                return (
                    NIOLoopBound(world, eventLoop: loop),
                    NIOLoopBound(world.sessions, eventLoop: loop)
                )
            }
            bound.append(world)
            members.append((loop, sessions))
        }
        let hub = SessionsHub(members: members)
        self.loops = loops
        self.bound = bound
        self.hub = hub
        for (loop, world) in zip(loops, bound) {
            try await loop.executeInContext { world.value.sessions.join(hub) }
        }
    }

    func adopt(_ rule: DeviceRule) async throws {
        for (loop, world) in zip(loops, bound) {
            try await loop.executeInContext { world.value.sessions.adopt(rule) }
        }
    }

    /// Lets every loop do what is left to do: a task leads to another one at most a few times.
    func settle() async throws {
        for _ in 0..<10 {
            for (loop, world) in zip(loops, bound) {
                try await loop.executeInContext {
                    _ = world.value.sessions.enforceDevices(allowance: 100_000)
                }
                await loop.run()
            }
        }
    }

    func check(_ rule: DeviceRule, _ told: Told, _ seed: UInt64) async throws {
        var open: [SessionEntry] = []
        var closed: [String] = []
        var known = 0
        for (index, (loop, world)) in zip(loops, bound).enumerated() {
            let (mine, gone, sessions) = try await loop.executeInContext {
                let value = world.value
                return (Array(value.open.values), value.closed, value.sessions.sizes.sessions)
            }
            open += mine
            closed += gone.map { "\(index) \($0.slot)" }
            known += sessions
        }
        #expect(Set(closed).count == closed.count, "seed \(seed): a connection ends once")
        #expect(!closed.isEmpty, "seed \(seed): the rule had something to do")
        #expect(known == open.count, "seed \(seed)")
        let transitions = told.transitions.withLock { $0 }
        for user in (0..<4).map({ "u\($0)" }) {
            let mine = open.filter { $0.user == user }
            let entries = try await hub.entries(of: user)
            #expect(
                Set(entries.map(\.connection)) == Set(mine.map(\.connection)), "seed \(seed)")
            let ofClass = Dictionary(grouping: mine) { classes[$0.platform] ?? $0.platform }
            switch rule.bound {
            case .unbounded: break
            case .total(let most): #expect(mine.count <= most, "seed \(seed), \(user)")
            case .onePerClass:
                #expect(ofClass.values.allSatisfy { $0.count == 1 }, "seed \(seed), \(user)")
            }
            let states = transitions.filter { $0.user == user }.map(\.isOnline)
            #expect(states == states.indices.map { $0 % 2 == 0 }, "seed \(seed): told once each")
            #expect((states.last ?? false) == !mine.isEmpty, "seed \(seed), \(user)")
        }
    }

    func end() async {
        for loop in loops { await loop.shutdownGracefully() }
    }
}
