/// What a watcher tells of its source.
package struct WatchReport: Sendable {
    /// The label `result` of `sluice_discovery_updates_total`.
    package enum Result: String, Sendable, CaseIterable {
        /// Other instances than before, or other weights.
        case changed
        case unchanged
        /// Instances that the answer does not name stay in force.
        case heldBack = "held_back"
        /// No answer that can be used; what is in force stays.
        case failed
    }

    package let result: Result
    /// In force now.
    package let instances: [DiscoveredInstance]
    /// Of these, what the last answer did not name.
    package let kept: Int
    /// The same was held back when the source was last asked.
    package let isRepeated: Bool
    package let isStale: Bool
    /// Entries that could not be used.
    package let skipped: Int
    /// Why it failed, for people.
    package let text: String
}

/// Follows one source: asks, waits, asks again, and says what became of each answer.
struct Watcher {
    /// For one look at a source that waits for changes. Short enough to notice soon that the registry
    /// has gone without a word, or has lost its leader, which it tells at the next look.
    static let longestLook = Duration.seconds(10)
    /// No source is asked more often, whatever it says.
    static let shortestPause = Duration.milliseconds(50)

    private var source: any InstanceSource
    private var snapshot: HeldSnapshot
    private var backoff = Backoff()
    private var wasStale = false
    private let clock = ContinuousClock()

    init(source: any InstanceSource, snapshot: HeldSnapshot) {
        self.source = source
        self.snapshot = snapshot
    }

    /// Until the task is cancelled.
    mutating func run(_ report: @Sendable (WatchReport) async -> Void) async {
        while !Task.isCancelled {
            let pause: Duration
            do throws(SourceFailure) {
                let answer = try await source.next(
                    within: min(untilRelease() ?? Self.longestLook, Self.longestLook))
                if Task.isCancelled { return }
                backoff.succeeded()
                await report(take(answer))
                pause = min(answer.pause, untilRelease() ?? answer.pause)
            } catch {
                if Task.isCancelled { return }
                var random = SystemRandomNumberGenerator()
                pause = backoff.failed(using: &random)
                await report(failed(error))
            }
            // Ends early only when the task is cancelled, which the loop looks at.
            try? await Task.sleep(for: max(pause, Self.shortestPause))
        }
    }

    /// Until what is held back may go; nil = nothing is.
    private func untilRelease() -> Duration? {
        snapshot.releasedAt().map { max(clock.now.duration(to: $0), .milliseconds(100)) }
    }

    private mutating func take(_ answer: SourceAnswer) -> WatchReport {
        let (kept, surplus) = InstanceRules.tidy(answer.instances)
        let verdict = snapshot.take(kept, at: clock.now)
        let result: WatchReport.Result
        var isRepeated = false
        switch verdict {
        case .changed: result = .changed
        case .unchanged: result = .unchanged
        case .heldBack(_, let isNew):
            result = .heldBack
            isRepeated = !isNew
        }
        wasStale = answer.isStale
        return WatchReport(
            result: result, instances: snapshot.instances, kept: snapshot.keptCount,
            isRepeated: isRepeated, isStale: answer.isStale, skipped: answer.skipped + surplus,
            text: "")
    }

    private func failed(_ failure: SourceFailure) -> WatchReport {
        WatchReport(
            result: .failed, instances: snapshot.instances, kept: snapshot.keptCount,
            isRepeated: false, isStale: wasStale, skipped: 0, text: failure.text)
    }
}
