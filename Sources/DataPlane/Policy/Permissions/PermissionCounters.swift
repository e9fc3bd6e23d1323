import SluiceVocabulary

/// One loop's counters of permission decisions, by rule.
final class PermissionCounters {
    private let decided: [Counter]
    private let shadowed: [Counter?]
    private let byDefault: Counter

    init(_ snapshot: PolicySnapshot, meters: PolicyMeters) {
        decided = snapshot.permissions.map {
            meters.permission($0.name, $0.effect == .permit ? "allow" : "refuse")
        }
        shadowed = snapshot.permissions.map {
            let decision = $0.effect == .permit ? "shadow_allow" : "shadow_refuse"
            return $0.isShadow ? meters.permission($0.name, decision) : nil
        }
        byDefault = meters.permission("default", snapshot.model.permitsByDefault ? "allow" : "refuse")
    }

    @inline(__always)
    func count(_ entry: PermissionTable.Entry) {
        if entry.rule < 0 {
            byDefault.add()
        } else {
            decided[Int(entry.rule)].add()
        }
        if entry.shadowRule >= 0 { shadowed[Int(entry.shadowRule)]?.add() }
    }
}

@available(*, unavailable)
extension PermissionCounters: Sendable {}
