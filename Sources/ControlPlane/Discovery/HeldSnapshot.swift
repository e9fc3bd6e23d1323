/// A source's answers with hysteresis: what is in force of them.
///
/// New instances count at once. When more than half of those known are missing from one answer, they
/// stay until they are back or the same answer has stood for `hold`: a registry that lost its memory, or a check that
/// fails everywhere, must not empty a service that works. An empty answer never empties it.
package struct HeldSnapshot: Sendable {
    /// What became of an answer.
    package enum Verdict: Sendable, Equatable {
        case unchanged
        case changed
        /// `kept` instances the answer does not name stay; `isNew`: not held back before.
        case heldBack(kept: Int, isNew: Bool)
    }

    private let hold: Duration
    /// The last answer that was believed whole.
    private var trusted: [DiscoveredInstance] = []
    private var doubted: (places: Set<String>, since: ContinuousClock.Instant)?
    /// What is in force.
    package private(set) var instances: [DiscoveredInstance]

    /// - Parameter instances: in force until the first answer, which replaces them unless it is empty.
    package init(hold: Duration, keeping instances: [DiscoveredInstance] = []) {
        self.hold = hold
        self.instances = instances
    }

    /// Instances in force that the last answer did not name.
    package private(set) var keptCount = 0

    /// When what is held back is let go, if nothing else is said; nil = nothing is.
    package func releasedAt() -> ContinuousClock.Instant? {
        guard let doubted, !doubted.places.isEmpty else { return nil }
        return doubted.since + hold
    }

    /// Takes an answer.
    package mutating func take(
        _ answer: [DiscoveredInstance], at now: ContinuousClock.Instant
    ) -> Verdict {
        let places = Set(answer.map(\.text))
        let gone = trusted.filter { !places.contains($0.text) }
        let isEmptied = answer.isEmpty && !instances.isEmpty
        // Once in doubt, until all are back: a registry that fills up again must lose none on the way.
        let isDoubtful =
            isEmptied || gone.count * 2 > trusted.count || (doubted != nil && !gone.isEmpty)
        guard isDoubtful else { return believe(answer) }
        let isNew = doubted?.places != places
        if isNew { doubted = (places, now) }
        if !isEmptied, let doubted, doubted.since + hold <= now { return believe(answer) }
        let kept = answer.isEmpty ? instances : gone
        instances = answer + kept
        keptCount = kept.count
        return .heldBack(kept: kept.count, isNew: isNew)
    }

    private mutating func believe(_ answer: [DiscoveredInstance]) -> Verdict {
        let isSame = instances == answer
        trusted = answer
        instances = answer
        doubted = nil
        keptCount = 0
        return isSame ? .unchanged : .changed
    }
}
