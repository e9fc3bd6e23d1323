import SluicePolicy
import SluiceVocabulary

/// Makes whole policies, and changes them as an operator would.
enum RandomPolicies {
    static func model(_ random: inout SeededRandom) -> PolicyModel {
        var model = PolicyModel(permitsByDefault: random.chance(80))
        for index in 0..<random.int(1...4) {
            model.limits.append(RandomLimits.limit("limit-\(index)", &random))
        }
        for index in 0..<random.int(0...4) {
            model.permissions.append(RandomPermissions.rule("rule-\(index)", &random))
        }
        return model
    }

    /// One edit or a few.
    ///
    /// - Parameter number: of the edit, for names that never were.
    static func edited(
        _ model: PolicyModel, number: Int, _ random: inout SeededRandom
    ) -> PolicyModel {
        var model = model
        for part in 0..<random.int(1...2) {
            if !model.limits.isEmpty, random.chance(80) {
                edit(&model, name: "edited-\(number)-\(part)", &random)
            } else if random.chance(50), !model.permissions.isEmpty {
                model.permissions.remove(
                    at: Int(random.int(0...Int64(model.permissions.count - 1))))
            } else if model.permissions.count < 5 {
                model.permissions.append(
                    RandomPermissions.rule("edited-\(number)-\(part)", &random))
            } else {
                model.permitsByDefault.toggle()
            }
        }
        return model
    }

    private static func edit(
        _ model: inout PolicyModel, name: String, _ random: inout SeededRandom
    ) {
        let index = Int(random.int(0...Int64(model.limits.count - 1)))
        var rule = model.limits[index]
        rule.was = []
        switch Int.random(in: 0..<12, using: &random) {
        case 0, 1, 2: RandomLimits.setTerms(&rule, &random)
        case 3:
            rule.was = ["never-was", rule.name]
            rule.name = name
        case 4:
            rule.was = [rule.name]
            rule.name = name
            RandomLimits.setTerms(&rule, &random)
        case 5: rule.ban = random.chance(60) ? RandomLimits.ban(&random) : nil
        case 6: rule.isShadow.toggle()
        case 7: rule.key = RandomLimits.key(&random)
        case 8:
            rule.algorithm = random.pick(LimitAlgorithm.allCases)
            rule.unit = random.pick(LimitUnit.allCases)
            RandomLimits.setTerms(&rule, &random)
        case 9: rule.transports = Set(Transport.allCases)
        case 10:
            model.limits.remove(at: index)
            return
        default:
            if model.limits.count < 5 { model.limits.append(RandomLimits.limit(name, &random)) }
            model.limits.shuffle(using: &random)
            return
        }
        model.limits[index] = rule
    }
}
