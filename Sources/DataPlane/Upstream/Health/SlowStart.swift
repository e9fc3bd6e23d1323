package import SluiceVocabulary

/// The share of its weight that an instance gets while it is warming up: from a tenth, in even steps
/// over the window.
package struct SlowStart {
    package static let steps: Int64 = 10

    package var windowMilliseconds: Int64

    package init(windowMilliseconds: Int64) { self.windowMilliseconds = windowMilliseconds }

    /// The weight for the balance, in units of `Balancer.weightUnit`.
    ///
    /// - Parameter began: when the instance came into the balance; nil = long ago.
    package func weight(_ weight: Int, began: MonotonicTime?, now: MonotonicTime) -> Int {
        let full = max(1, weight) * Balancer.weightUnit
        guard let began, let step = step(began: began, now: now) else { return full }
        return max(1, full * Int(step + 1) / Int(Self.steps))
    }

    /// When the weight changes next; nil = no more.
    package func nextStep(began: MonotonicTime, now: MonotonicTime) -> MonotonicTime? {
        guard let step = step(began: began, now: now) else { return nil }
        return began.advanced(byMilliseconds: windowMilliseconds * (step + 1) / Self.steps)
    }

    /// 0...8; nil when the window is over: the tenth step is the full weight.
    private func step(began: MonotonicTime, now: MonotonicTime) -> Int64? {
        guard windowMilliseconds > 0 else { return nil }
        let step = now.milliseconds(since: began) * Self.steps / windowMilliseconds
        return step < Self.steps - 1 ? max(0, step) : nil
    }
}
