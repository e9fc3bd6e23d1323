package import SluiceVocabulary

/// Why an instance was taken out of the balance although it can be reached.
package enum EjectionReason: String, Sendable, CaseIterable {
    case consecutiveErrors = "consecutive_errors"
    case successRate = "success_rate"
    case latency
    /// Active checks failed.
    case check
    /// Its breaker is open.
    case breaker
}

/// How one instance has answered, as its loop sees it.
package struct OutlierRecord {
    /// Calls in a row that failed.
    package private(set) var consecutiveErrors = 0
    /// Of the present interval.
    package private(set) var requests = 0
    package private(set) var failures = 0
    /// Of the calls that succeeded.
    package private(set) var nanoseconds: Int64 = 0
    /// Ejections lately: each doubles the next one's length.
    package private(set) var ejections = 0
    /// Nil = not ejected.
    package private(set) var ejectedUntil: MonotonicTime?

    package init() {}

    @inline(__always)
    package mutating func succeeded(nanoseconds: Int64) {
        consecutiveErrors = 0
        requests &+= 1
        self.nanoseconds &+= nanoseconds
    }

    @inline(__always)
    package mutating func failed() {
        consecutiveErrors &+= 1
        requests &+= 1
        failures &+= 1
    }

    package mutating func eject(until: MonotonicTime) {
        ejectedUntil = until
        ejections += 1
        clearCounts()
    }

    package mutating func `return`() {
        ejectedUntil = nil
        clearCounts()
    }

    /// It came up anew: another process, maybe, that has done nothing wrong yet.
    package mutating func cameUp() {
        ejectedUntil = nil
        consecutiveErrors = 0
    }

    /// The interval is over. One without an ejection makes the next ejection shorter again.
    package mutating func endInterval() {
        if ejectedUntil == nil, ejections > 0 { ejections -= 1 }
        requests = 0
        failures = 0
        nanoseconds = 0
    }

    private mutating func clearCounts() {
        consecutiveErrors = 0
        requests = 0
        failures = 0
        nanoseconds = 0
    }
}

/// Decides which instances of a service answer worse than they may, and for how long they are out.
///
/// Ejected are instances, not services: where all are bad there is no better one, so at most a share
/// of them is out at a time. Time comes in as an argument; nothing is drawn at random.
package struct OutlierDetector {
    package var settings: OutlierSettings

    package init(settings: OutlierSettings) { self.settings = settings }

    /// Whether an instance with this record has failed too often in a row.
    @inline(__always)
    package func isOut(_ record: OutlierRecord) -> Bool {
        settings.consecutiveErrors > 0 && record.consecutiveErrors >= settings.consecutiveErrors
    }

    /// Whether one more may be ejected.
    package func mayEject(ejected: Int, of count: Int) -> Bool {
        guard count > 1, settings.maxEjectedShare > 0 else { return false }
        let allowed = max(1, Int(settings.maxEjectedShare * Double(count) + 1e-9))
        return ejected < min(allowed, count - 1)
    }

    /// How long the next ejection of an instance takes.
    package func milliseconds(after ejections: Int) -> Int64 {
        min(
            settings.maxEjectionMilliseconds,
            settings.ejectionMilliseconds << Int64(min(ejections, 20)))
    }

    /// Who stands out at the end of an interval: places and reasons, the worst first.
    package func judge(_ records: [OutlierRecord]) -> [(place: Int, reason: EjectionReason)] {
        let judged = records.indices.filter {
            records[$0].ejectedUntil == nil && records[$0].requests >= settings.minimumRequests
        }
        var found: [(place: Int, reason: EjectionReason, badness: Double)] = []
        if settings.successRate > 0 {
            for place in judged {
                let failed = Double(records[place].failures) / Double(records[place].requests)
                if 1 - failed < settings.successRate {
                    found.append((place, .successRate, 1_000 + failed))
                }
            }
        }
        if settings.latencyFactor > 0, let median = medianLatency(records, of: judged) {
            for place in judged where !found.contains(where: { $0.place == place }) {
                guard let mean = Self.latency(records[place]) else { continue }
                let factor = mean / max(median, Self.leastMedianNanoseconds)
                if factor > settings.latencyFactor { found.append((place, .latency, factor)) }
            }
        }
        found.sort { $0.badness > $1.badness }
        return found.map { ($0.place, $0.reason) }
    }

    /// Below this no instance is called slow: what differs is noise.
    private static let leastMedianNanoseconds = 1_000_000.0

    private static func latency(_ record: OutlierRecord) -> Double? {
        let answered = record.requests - record.failures
        return answered > 0 ? Double(record.nanoseconds) / Double(answered) : nil
    }

    /// With fewer than three instances nobody can say which of two is the odd one.
    private func medianLatency(_ records: [OutlierRecord], of places: [Int]) -> Double? {
        let sorted = places.compactMap { Self.latency(records[$0]) }.sorted()
        guard sorted.count >= 3 else { return nil }
        return sorted[(sorted.count - 1) / 2]
    }
}
