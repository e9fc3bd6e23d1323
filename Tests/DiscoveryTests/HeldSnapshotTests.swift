import SluiceDiscovery
import Testing

@Suite("Discovery: what is believed of an answer")
struct HeldSnapshotTests {
    private static let start = ContinuousClock().now

    private static func instances(_ ports: ClosedRange<Int>) -> [DiscoveredInstance] {
        ports.map { DiscoveredInstance(host: "192.0.2.1", port: $0) }
    }

    private static func after(_ seconds: Int64) -> ContinuousClock.Instant {
        start + .seconds(seconds)
    }

    private static func ports(_ snapshot: HeldSnapshot) -> [Int] {
        snapshot.instances.map(\.port).sorted()
    }

    @Test("the first answer counts whole, and the same one changes nothing")
    func first() {
        var snapshot = HeldSnapshot(hold: .seconds(30))
        #expect(snapshot.take(Self.instances(1...3), at: Self.start) == .changed)
        #expect(snapshot.take(Self.instances(1...3), at: Self.start) == .unchanged)
        #expect(Self.ports(snapshot) == [1, 2, 3])
        #expect(snapshot.releasedAt() == nil)
    }

    @Test("half of the instances may go at once, and new ones come at any time")
    func half() {
        var snapshot = HeldSnapshot(hold: .seconds(30))
        _ = snapshot.take(Self.instances(1...4), at: Self.start)
        #expect(snapshot.take(Self.instances(1...2), at: Self.start) == .changed)
        #expect(snapshot.take(Self.instances(1...9), at: Self.start) == .changed)
        #expect(Self.ports(snapshot) == Array(1...9))
    }

    @Test("when more than half go at once they stay, beside those that came")
    func more() {
        var snapshot = HeldSnapshot(hold: .seconds(30))
        _ = snapshot.take(Self.instances(1...4), at: Self.start)
        #expect(
            snapshot.take(Self.instances(4...5), at: Self.start) == .heldBack(kept: 3, isNew: true))
        #expect(Self.ports(snapshot) == [1, 2, 3, 4, 5])
        #expect(snapshot.keptCount == 3)
        #expect(snapshot.releasedAt() == Self.after(30))
    }

    @Test("the same answer is believed after the hold, and not a moment before")
    func release() {
        var snapshot = HeldSnapshot(hold: .seconds(30))
        _ = snapshot.take(Self.instances(1...4), at: Self.start)
        let small = Self.instances(1...1)
        #expect(snapshot.take(small, at: Self.start) == .heldBack(kept: 3, isNew: true))
        #expect(snapshot.take(small, at: Self.after(29)) == .heldBack(kept: 3, isNew: false))
        #expect(snapshot.take(small, at: Self.after(30)) == .changed)
        #expect(Self.ports(snapshot) == [1])
    }

    @Test("an answer that differs from the one held back begins a hold of its own")
    func restart() {
        var snapshot = HeldSnapshot(hold: .seconds(30))
        _ = snapshot.take(Self.instances(1...6), at: Self.start)
        _ = snapshot.take(Self.instances(1...1), at: Self.start)
        #expect(
            snapshot.take(Self.instances(1...2), at: Self.after(29))
                == .heldBack(kept: 4, isNew: true))
        #expect(
            snapshot.take(Self.instances(1...2), at: Self.after(58))
                == .heldBack(kept: 4, isNew: false))
        #expect(snapshot.take(Self.instances(1...2), at: Self.after(59)) == .changed)
    }

    @Test("an empty answer never empties a service, however long it stands")
    func empty() {
        var snapshot = HeldSnapshot(hold: .seconds(30))
        _ = snapshot.take(Self.instances(1...2), at: Self.start)
        #expect(snapshot.take([], at: Self.start) == .heldBack(kept: 2, isNew: true))
        #expect(snapshot.take([], at: Self.after(3_600)) == .heldBack(kept: 2, isNew: false))
        #expect(Self.ports(snapshot) == [1, 2])
        #expect(snapshot.releasedAt() == nil)
    }

    @Test("a registry that comes back empty and fills up again loses no instance on the way")
    func refill() {
        var snapshot = HeldSnapshot(hold: .seconds(30))
        _ = snapshot.take(Self.instances(1...4), at: Self.start)
        _ = snapshot.take([], at: Self.after(1))
        for count in 1...3 {
            _ = snapshot.take(Self.instances(1...count), at: Self.after(100 + Int64(count)))
            #expect(Self.ports(snapshot) == [1, 2, 3, 4])
        }
        #expect(snapshot.take(Self.instances(1...4), at: Self.after(110)) == .unchanged)
    }

    @Test("held back and taken back, an answer leaves nothing behind")
    func recovered() {
        var snapshot = HeldSnapshot(hold: .seconds(30))
        _ = snapshot.take(Self.instances(1...4), at: Self.start)
        _ = snapshot.take(Self.instances(1...1), at: Self.after(1))
        _ = snapshot.take(Self.instances(1...4), at: Self.after(2))
        #expect(snapshot.releasedAt() == nil)
        #expect(
            snapshot.take(Self.instances(1...1), at: Self.after(31))
                == .heldBack(kept: 3, isNew: true))
    }

    @Test("instances of a source that was exchanged stay until the new one's first answer")
    func exchanged() {
        var snapshot = HeldSnapshot(hold: .seconds(30), keeping: Self.instances(1...4))
        #expect(snapshot.take([], at: Self.start) == .heldBack(kept: 4, isNew: true))
        #expect(snapshot.take(Self.instances(8...8), at: Self.after(1)) == .changed)
        #expect(Self.ports(snapshot) == [8])
    }

    @Test("another weight is a change")
    func weight() {
        var snapshot = HeldSnapshot(hold: .seconds(30))
        _ = snapshot.take([DiscoveredInstance(host: "h", port: 1, weight: 1)], at: Self.start)
        #expect(
            snapshot.take([DiscoveredInstance(host: "h", port: 1, weight: 2)], at: Self.start)
                == .changed)
    }

    @Test("with no hold at all every answer but an empty one is believed at once")
    func noHold() {
        var snapshot = HeldSnapshot(hold: .zero)
        _ = snapshot.take(Self.instances(1...4), at: Self.start)
        #expect(snapshot.take(Self.instances(1...1), at: Self.start) == .changed)
    }
}

@Suite("Discovery: pauses and indexes")
struct PauseTests {
    @Test("pauses double up to the longest, and none is shorter than half of what is due")
    func backoff() {
        var backoff = Backoff(firstMilliseconds: 100, longestMilliseconds: 1_000)
        var random = SystemRandomNumberGenerator()
        for due in [100, 200, 400, 800, 1_000, 1_000] {
            let pause = backoff.failed(using: &random)
            #expect(pause >= .milliseconds(due / 2) && pause <= .milliseconds(due))
        }
        backoff.succeeded()
        #expect(backoff.failed(using: &random) <= .milliseconds(100))
    }

    @Test("an index goes on, and one that goes back or is none begins anew")
    func index() {
        var index = ConsulIndex()
        #expect(index.value == nil)
        index.answered("12")
        #expect(index.value == "12")
        index.answered("12")
        #expect(index.value == "12")
        index.answered("5")
        #expect(index.value == nil)
        index.answered("7")
        #expect(index.value == "7")
        for odd in [nil, "", "0", "-1", "x"] {
            index.answered("9")
            index.answered(odd)
            #expect(index.value == nil)
        }
    }
}
