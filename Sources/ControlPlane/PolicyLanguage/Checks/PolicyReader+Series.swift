import SluiceDocuments
import SluicePolicy

extension PolicyReader {
    /// Time series that each rule makes: one for each decision it can come to.
    static let seriesPerLimit = 6
    static let seriesPerPermission = 4
    /// More would hurt whoever scrapes them.
    static let maxSeries = 100_000
    static let manySeries = 20_000

    /// Every rule has counters of its own; a set must not become more than a scrape can take.
    func checkSeries() {
        let all =
            limits.map { ($0.position, Self.seriesPerLimit) }
            + permissions.map { ($0.position, Self.seriesPerPermission) }
        let total = all.reduce(0) { $0 + $1.1 }
        guard total > Self.manySeries else { return }
        let most = total > Self.maxSeries ? Self.maxSeries : Self.manySeries
        var sum = 0
        for (position, series) in all {
            sum += series
            guard sum > most else { continue }
            let hint = "join rules: one limit can count many actions and keys"
            if most == Self.maxSeries {
                sink.error(
                    "with this rule the set makes more than \(most) metric series", at: position,
                    hint: hint)
            } else {
                sink.warning(
                    "the set makes \(total) metric series, more than \(most) from this rule on",
                    at: position, hint: hint)
            }
            return
        }
    }
}
