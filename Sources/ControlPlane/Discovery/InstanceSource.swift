/// A place that knows a service's instances. Each watcher has its own.
protocol InstanceSource: Sendable {
    /// The next answer, as soon as there is one.
    ///
    /// - Parameter limit: a source that waits for changes answers after this at the latest.
    mutating func next(within limit: Duration) async throws(SourceFailure) -> SourceAnswer
}

/// What a source said.
struct SourceAnswer: Sendable {
    var instances: [DiscoveredInstance]
    /// Before it is asked again.
    var pause: Duration
    /// The registry has no leader just now: this may be old.
    var isStale = false
    /// Entries that could not be used.
    var skipped = 0
}

/// Why a source gave no answer that can be used. For people; nothing secret is in it.
package struct SourceFailure: Error, Sendable, Equatable {
    package let text: String

    package init(_ text: String) { self.text = text }
}
