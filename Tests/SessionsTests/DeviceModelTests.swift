import SluiceSessions
import SluiceVocabulary
import Testing

/// The directory held against a slow model: one list, one rule, one look at a time.
@Suite("Devices against a model")
struct DeviceModelTests {
    @Test(
        "any order of coming, going and changing rules closes whom the model closes",
        arguments: 0..<60 as Range<UInt64>)
    func property(seed: UInt64) {
        var random = Seeded(state: seed)
        var model = DeviceModel()
        var directory = SessionDirectory()
        var slot = 0
        for step in 0..<800 {
            let place: Comment = "seed \(seed), step \(step)"
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<55:
                slot += 1
                let newcomer = entry(
                    "u\(Int.random(in: 0..<6, using: &random))", slot,
                    device: ["", "", "a", "b", "c"].randomElement(using: &random)!,
                    platform: ["ios", "android", "web", "tv", ""].randomElement(using: &random)!)
                let registration = directory.register(newcomer)
                let wanted = model.register(newcomer)
                #expect(registration.isRefused == wanted.isRefused, place)
                #expect(registration.superseded.slots == wanted.superseded, place)
                #expect(registration.replaced.slots == wanted.replaced, place)
                #expect(registration.transition?.isOnline == wanted.transition, place)
            case 55..<80:
                // Also some that have gone already.
                let gone = entry(
                    "u\(Int.random(in: 0..<6, using: &random))",
                    Int.random(in: 0...slot, using: &random))
                let transition = directory.remove(user: gone.user, connection: gone.connection)
                let wanted = model.remove(gone)
                #expect(transition?.isOnline == wanted, place)
            case 80..<84:
                let rule = Self.rule(using: &random)
                directory.adopt(rule)
                model.adopt(rule)
            default:
                let closes = Int.random(in: 1...3, using: &random)
                let gone = directory.enforce(
                    users: Int.random(in: 1...4, using: &random), closes: closes)
                #expect(gone.count <= closes, place)
                for old in gone {
                    let isRightly = model.mustGo(old)
                    #expect(isRightly, "\(place): \(old)")
                }
            }
            if !directory.isEnforcing {
                #expect(model.usersOverTheRule.isEmpty, place)
            }
            #expect(directory.sessionCount == model.open.count, place)
            for user in 0..<6 {
                #expect(
                    directory.entries(of: "u\(user)").slots
                        == model.open.filter { $0.user == "u\(user)" }.slots, place)
            }
        }
        #expect(directory.userCount == Set(model.open.map(\.user)).count, "seed \(seed)")
    }

    private static func rule(using random: inout Seeded) -> DeviceRule {
        let bounds: [DeviceRule.Bound] = [
            .unbounded, .onePerClass, .total(1), .total(Int.random(in: 2...4, using: &random)),
        ]
        return DeviceRule(
            bounds.randomElement(using: &random)!,
            classByPlatform: Bool.random(using: &random) ? classes : [:],
            refusesNewer: Bool.random(using: &random))
    }
}

/// What docs/policy.md says of devices, as plainly as it can be written.
private struct DeviceModel {
    /// All connections, in the order they came.
    var open: [SessionEntry] = []
    private var rule = DeviceRule()

    struct Outcome {
        var isRefused = false
        var superseded: [Int] = []
        var replaced: [Int] = []
        var transition: Bool?
    }

    mutating func adopt(_ rule: DeviceRule) { self.rule = rule }

    mutating func register(_ newcomer: SessionEntry) -> Outcome {
        var outcome = Outcome()
        let before = open
        outcome.superseded = open.filter { isSameDevice($0, newcomer) }.slots
        open = open.filter { !isSameDevice($0, newcomer) }
        open.append(newcomer)
        if rule.refusesNewer, isOver(newcomer) {
            open = before
            return Outcome(isRefused: true)
        }
        while let oldest = open.first(where: { $0.user == newcomer.user && isOver($0) }) {
            outcome.replaced.append(oldest.connection.slot)
            open.removeAll { $0 == oldest }
        }
        if !before.contains(where: { $0.user == newcomer.user }) { outcome.transition = true }
        return outcome
    }

    /// False when somebody goes offline by it, nil when nobody does.
    mutating func remove(_ gone: SessionEntry) -> Bool? {
        let isHere = open.contains { $0.user == gone.user && $0.connection == gone.connection }
        open.removeAll { $0.user == gone.user && $0.connection == gone.connection }
        return isHere && !open.contains { $0.user == gone.user } ? false : nil
    }

    /// Whether the rule asks this connection to go before any other of its user, and lets it go.
    mutating func mustGo(_ old: SessionEntry) -> Bool {
        defer { open.removeAll { $0 == old } }
        return open.first { $0.user == old.user && isOver($0) } == old
    }

    var usersOverTheRule: Set<String> { Set(open.filter(isOver).map(\.user)) }

    /// Whether more are open of this connection's kind than may be.
    private func isOver(_ one: SessionEntry) -> Bool {
        switch rule.bound {
        case .unbounded: false
        case .total(let most): open.filter { $0.user == one.user }.count > most
        case .onePerClass:
            open.filter { $0.user == one.user && deviceClass($0) == deviceClass(one) }.count > 1
        }
    }

    private func isSameDevice(_ one: SessionEntry, _ other: SessionEntry) -> Bool {
        one.user == other.user && !one.device.isEmpty && one.device == other.device
    }

    private func deviceClass(_ one: SessionEntry) -> String {
        rule.classByPlatform[one.platform] ?? one.platform
    }
}
