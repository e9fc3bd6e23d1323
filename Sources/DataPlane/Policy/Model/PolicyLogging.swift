/// `logging:`: which requests get a journal entry.
package struct PolicyLogging: Sendable, Hashable {
    /// Shares of requests that get an entry, 0...1, by outcome.
    package struct Sample: Sendable, Hashable {
        package var ok: Double
        package var refused: Double
        package var error: Double

        package init(ok: Double = 1, refused: Double = 1, error: Double = 1) {
            self.ok = ok
            self.refused = refused
            self.error = error
        }
    }

    package var sample = Sample()
    /// For actions of their own; what a pattern leaves out is `sample`'s. Sorted by pattern.
    package var actions: [ActionSample] = []
    /// Entries of all kinds per second, for the whole process.
    package var budgetPerSecond: Int = 2_000
    /// Kept for refusals and errors.
    package var reservePerSecond: Int = 500

    /// One entry of `sample.actions`.
    package struct ActionSample: Sendable, Hashable {
        package var pattern: ActionPattern
        package var sample: Sample

        package init(pattern: ActionPattern, sample: Sample) {
            self.pattern = pattern
            self.sample = sample
        }
    }

    package init() {}

    /// The shares for an action: those of the longest pattern that fits.
    package func sample(for action: String) -> Sample {
        let fitting = actions.filter { $0.pattern.matches(action) }
        let best = fitting.max { $0.pattern.text.utf8.count < $1.pattern.text.utf8.count }
        return best?.sample ?? sample
    }
}
