import SluiceVocabulary

/// What one reload did, as the journal, `/v1/policy` and `sluice reload --wait` tell it.
package struct ReloadReport: Sendable, Equatable {
    package enum Result: String, Sendable, CaseIterable {
        /// Something changed and is in force on every loop.
        case ok
        /// Files were read and say what is in force already.
        case unchanged
        /// Errors: nothing changed.
        case rejected
    }

    /// Counts reloads since start; the policy loaded at start is number 0.
    package var number: UInt64
    /// Requests (signals) that this reload answers: all that had come when it began to read.
    package var covered: UInt64
    package var result: Result
    /// Every error, as file:line:column: error: text.
    package var errors: [String] = []
    package var warnings: [String] = []
    /// Changes that a running gateway cannot take over, such as listen addresses.
    package var needsRestart: [String] = []
    package var oldRevision: String
    package var newRevision: String
    package var added: [String] = []
    package var changed: [String] = []
    package var removed: [String] = []
    /// `old -> new`: limits that keep their buckets under a new name.
    package var renamed: [String] = []
    /// Limits that count by another key, unit or algorithm now: their buckets start full.
    package var restarted: [String] = []
    package var durationNanoseconds: Int64 = 0
    /// The longest an event loop stood still to take the new set over; 0 where none had to.
    package var longestPauseNanoseconds: Int64 = 0

    package init(
        number: UInt64, covered: UInt64, result: Result, oldRevision: String, newRevision: String
    ) {
        self.number = number
        self.covered = covered
        self.result = result
        self.oldRevision = oldRevision
        self.newRevision = newRevision
    }

    /// One readable line.
    package var summary: String {
        switch result {
        case .ok:
            "policy reloaded: \(added.count) rules added, \(changed.count) changed, "
                + "\(removed.count) removed"
                + (renamed.isEmpty ? "" : ", \(renamed.count) renamed")
                + (restarted.isEmpty ? "" : ", \(restarted.count) begin anew")
                + "; revision \(newRevision.prefix(12))"
        case .unchanged: "policy reloaded: nothing changed; revision \(newRevision.prefix(12))"
        case .rejected:
            "policy rejected, revision \(oldRevision.prefix(12)) stays: "
                + (errors.first ?? "unknown error")
                + (errors.count > 1 ? " (and \(errors.count - 1) more)" : "")
        }
    }
}
