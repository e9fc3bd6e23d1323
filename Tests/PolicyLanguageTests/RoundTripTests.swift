import SluiceDocuments
import SluicePolicy
import SluicePolicyLanguage
import SluiceVocabulary
import Testing

@Suite("Random policies")
struct RoundTripTests {
    @Test("are read as the model they were written from, in whatever form, with one revision")
    func roundTrip() throws {
        let seed = UInt64.random(in: 0 ... .max)
        for round in 0..<200 {
            var policy = RandomPolicy(dice: Dice(seed: seed &+ UInt64(round)))
            let model = policy.model()
            var revision: String?
            for form in 0..<2 {
                var printer = PolicyPrinter(
                    dice: Dice(seed: seed ^ UInt64(form) << 32 ^ UInt64(round)))
                let texts = printer.files(model)
                let context: Comment =
                    "seed \(seed), round \(round)\n\(texts.joined(separator: "\n"))"
                do throws(DiagnosticList) {
                    let snapshot = try compileFiles(texts).snapshot
                    #expect(snapshot.model == model, context)
                    if let revision { #expect(snapshot.revision == revision, context) }
                    revision = snapshot.revision
                } catch {
                    Issue.record(error, context)
                    return
                }
            }
        }
    }

    @Test("have equal revisions exactly when they are equal")
    func revisions() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var dice = Dice(seed: seed)
        var seen: [String: PolicyModel] = [:]
        var revisions: [PolicyModel: String] = [:]
        for round in 0..<250 {
            // Small steps from few seeds: many equal models, and many that differ in one thing.
            var policy = RandomPolicy(dice: Dice(seed: seed &+ UInt64(round % 50)))
            var model = policy.model()
            if dice.chance(2) { mutate(&model, &dice) }
            var printer = PolicyPrinter(dice: dice)
            _ = dice.next()
            let snapshot = try compileFiles(printer.files(model)).snapshot
            if let other = seen[snapshot.revision] {
                #expect(other == model, "seed \(seed), round \(round)")
            }
            if let revision = revisions[model] {
                #expect(revision == snapshot.revision, "seed \(seed), round \(round)")
            }
            revisions[model] = snapshot.revision
            seen[snapshot.revision] = model
        }
    }

    /// Changes one thing that means something.
    private func mutate(_ model: inout PolicyModel, _ dice: inout Dice) {
        switch Int.random(in: 0...7, using: &dice) {
        case 0: model.permitsByDefault.toggle()
        case 1: model.logging.budgetPerSecond += 1
        case 2: model.devices.refusesNewer.toggle()
        case 3 where !model.limits.isEmpty: model.limits[0].maxKeys = 77
        case 4 where !model.limits.isEmpty: model.limits[0].isShadow.toggle()
        case 5 where !model.permissions.isEmpty: model.permissions[0].isShadow.toggle()
        case 6 where !model.permissions.isEmpty:
            model.permissions[0].when = .exists(.source(.claim(["added"])))
        default: model.version = "mutated"
        }
    }
}
