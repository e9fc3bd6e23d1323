import SluicePolicy
import SluiceVocabulary

/// Makes permission rules and conditions of every kind.
enum RandomPermissions {
    static func rule(_ name: String, _ random: inout SeededRandom) -> PermissionRule {
        var principal = PrincipalMatch(includesAnonymous: random.chance(50))
        if random.chance(30) { principal.roles = [random.pick(["member", "admin"])] }
        if random.chance(20) { principal.claims["plan"] = ["free", "pro"] }
        if random.chance(10) { principal.claims["account.plan"] = ["pro"] }
        if random.chance(10) { principal.claims["tags"] = ["b", "7"] }
        return PermissionRule(
            name: name, effect: random.chance(65) ? .permit : .deny, principal: principal,
            actions: [ActionPattern(random.pick(RandomLimits.patterns))],
            when: random.chance(50) ? condition(&random, depth: 3) : nil,
            isShadow: random.chance(25))
    }

    static func condition(_ random: inout SeededRandom, depth: Int) -> Condition {
        let parts: (inout SeededRandom) -> [Condition] = { random in
            (0..<random.int(1...3)).map { _ in condition(&random, depth: depth - 1) }
        }
        switch Int.random(in: depth > 0 ? 0..<13 : 4..<13, using: &random) {
        case 0: return .all(parts(&random))
        case 1: return .any(parts(&random))
        case 2, 3: return .not(condition(&random, depth: depth - 1))
        case 4, 5:
            return .isIn(fact(&random), (0..<random.int(1...3)).map { _ in text(&random) })
        case 6: return .differs(fact(&random), text(&random))
        case 7, 8: return .compare(fact(&random), comparison(&random), number(&random))
        case 9: return .isInBlocks(blocks(&random))
        case 10: return .exists(fact(&random))
        case 11: return .like(fact(&random), pattern(&random))
        default: return .timeOfDay(timeOfDay(&random))
        }
    }

    private static func fact(_ random: inout SeededRandom) -> Condition.Fact {
        random.chance(20) ? .bytes : .source(RandomLimits.source(&random))
    }

    private static func text(_ random: inout SeededRandom) -> String {
        random.pick([
            "alice", "free", "pro", "a", "b", "7", "true", "phone", "ios", "tcp", "http",
            "message.send", "room.1", "media", "GET", "acme", "member", "100", "2.5", "",
        ])
    }

    private static func comparison(_ random: inout SeededRandom) -> Condition.Comparison {
        random.pick(Condition.Comparison.allCases)
    }

    private static func number(_ random: inout SeededRandom) -> Condition.Number {
        let text = random.pick(["0", "7", "2.5", "100", "-3", "1000"])
        return Condition.Number(value: Double(text) ?? 0, text: text)
    }

    private static func pattern(_ random: inout SeededRandom) -> ActionPattern {
        ActionPattern(random.pick(["*", "room.*", "*o*", "a*", "*e", "m*s*d", "pro", "*.1*"]))
    }

    private static func blocks(_ random: inout SeededRandom) -> [AddressBlock] {
        let texts = [
            "10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "0.0.0.0/0", "::/0", "10.0.1.0/24",
        ]
        return (0..<random.int(1...2)).compactMap { _ in try? AddressBlock(random.pick(texts)) }
    }

    private static func timeOfDay(_ random: inout SeededRandom) -> Condition.TimeOfDay {
        let minutes: [Int] = [0, 1, 360, 720, 1_320, 1_439]
        let days = Set((0..<7).filter { _ in random.chance(70) })
        return Condition.TimeOfDay(
            fromMinute: random.pick(minutes), toMinute: random.pick(minutes + [1_440]),
            days: days.isEmpty ? [3] : days)
    }
}
