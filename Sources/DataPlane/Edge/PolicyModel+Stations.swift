import SluicePolicy
import SluiceSessions
import SluiceTelemetry
import SluiceVocabulary

// What the policy says to stations that do not know it, in their words.

extension DevicePolicy {
    /// How many connections of one user the sessions keep.
    var sessionsRule: DeviceRule {
        let bound: DeviceRule.Bound =
            switch rule {
            case .allowAll: .unbounded
            case .onePerClass: .onePerClass
            case .oneInAll: .total(1)
            case .max(let most): .total(most)
            }
        return DeviceRule(bound, classByPlatform: classByPlatform, refusesNewer: refusesNewer)
    }
}

extension PolicyLogging {
    /// Which share of each action's requests gets an entry. Looks at every pattern for every action:
    /// not for a loop to do.
    func shares(for catalog: ActionCatalog) -> LogShares {
        LogShares(catalog: catalog) { action in
            let sample = sample(for: action)
            return (ok: sample.ok, refused: sample.refused, error: sample.error)
        }
    }
}
