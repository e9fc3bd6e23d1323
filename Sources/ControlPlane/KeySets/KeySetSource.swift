package import NIOCore
package import SluiceIdentity

/// Where a JWKS is, and how it is fetched.
package struct KeySourceSettings: Sendable, Equatable {
    package var url: String
    package var refreshMilliseconds: Int64
    /// For one fetch, from connecting to the last byte.
    package var timeoutMilliseconds: Int64
    package var algorithms: [SignatureAlgorithm]
    /// PEM file of authorities; empty = the system's.
    package var authorityFile: String
    package var maxBytes: Int

    package init(
        url: String, refreshMilliseconds: Int64, timeoutMilliseconds: Int64,
        algorithms: [SignatureAlgorithm], authorityFile: String, maxBytes: Int
    ) {
        self.url = url
        self.refreshMilliseconds = refreshMilliseconds
        self.timeoutMilliseconds = timeoutMilliseconds
        self.algorithms = algorithms
        self.authorityFile = authorityFile
        self.maxBytes = maxBytes
    }
}

/// What became of one fetch; the label `result` of `sluice_key_source_fetches_total`.
package enum KeyFetch: String, Sendable, CaseIterable {
    /// Other keys than before.
    case changed = "ok"
    /// The same keys.
    case unchanged
    /// No answer in time, no connection, or a certificate that is not trusted.
    case unreachable
    /// Another status than 200; redirects are not followed.
    case badStatus = "bad_status"
    /// More than `maxBytes`.
    case tooLarge = "too_large"
    /// Not a JWKS, or one with secrets in it.
    case malformed

    package var isGood: Bool { self == .changed || self == .unchanged }
}

/// Keeps the keys of a JWKS fresh. What was fetched last stays while the source is down.
package actor KeySetSource {
    /// Between two fetches that unknown keys cause.
    static let minGap = Duration.seconds(1)

    private let group: any EventLoopGroup
    private let publish: @Sendable (KeySet?) async -> Void
    private let report: @Sendable (KeyFetch, String, _ keys: Int) -> Void
    private let clock = ContinuousClock()
    private var settings: KeySourceSettings?
    private var keys: KeySet?
    private var keyCount = 0
    private var failures = 0
    private var lastFetch: ContinuousClock.Instant?
    private var nextFetch: ContinuousClock.Instant
    private var underWay: Task<KeyFetch, Never>?

    /// - Parameters:
    ///   - group: where connections live.
    ///   - publish: puts keys in force; returns when every loop decides by them.
    ///   - report: is told of every fetch, with a text for people.
    package init(
        group: any EventLoopGroup, publish: @escaping @Sendable (KeySet?) async -> Void,
        report: @escaping @Sendable (KeyFetch, String, _ keys: Int) -> Void
    ) {
        self.group = group
        self.publish = publish
        self.report = report
        nextFetch = ContinuousClock().now
    }

    /// Takes settings over; keys of another source are dropped, and its own fetched at once.
    package func adopt(_ new: KeySourceSettings?) async {
        guard new != settings else { return }
        let isOther = new?.url != settings?.url || new?.algorithms != settings?.algorithms
        settings = new
        failures = 0
        nextFetch = clock.now
        guard isOther, keys != nil else { return }
        keys = nil
        keyCount = 0
        await publish(nil)
    }

    /// Fetches when it is time, until the task is cancelled.
    package func run() async {
        while !Task.isCancelled {
            if settings != nil, nextFetch <= clock.now { _ = await fetch() }
            let pause = min(max(clock.now.duration(to: nextFetch), .milliseconds(20)), .seconds(1))
            // Ends early only when the task is cancelled, which the loop looks at.
            try? await Task.sleep(for: settings == nil ? .seconds(1) : pause)
        }
    }

    /// A token names a key nobody knows: the source may have it by now.
    ///
    /// Waits until `minGap` after the last fetch, so that made-up keys do not become its load.
    /// - Returns: whether the keys in force are fresh now.
    package func refetch() async -> Bool {
        guard settings != nil else { return false }
        if let lastFetch, underWay == nil {
            let gap = clock.now.duration(to: lastFetch + Self.minGap)
            if gap > .zero { try? await Task.sleep(for: gap) }
        }
        return await fetch().isGood
    }

    /// One fetch at a time; whoever asks meanwhile gets its result.
    private func fetch() async -> KeyFetch {
        if let underWay { return await underWay.value }
        let task = Task { await fetchOnce() }
        underWay = task
        let result = await task.value
        underWay = nil
        return result
    }

    private func fetchOnce() async -> KeyFetch {
        guard let settings else { return .unreachable }
        let answer = await KeyFetcher(settings: settings, group: group).fetch()
        let now = clock.now
        lastFetch = now
        // The configuration named another source meanwhile.
        guard settings == self.settings else { return .unreachable }
        let result: KeyFetch
        let text: String
        switch answer {
        case .success(let fetched):
            failures = 0
            result = fetched.keys.revision == keys?.revision ? .unchanged : .changed
            keys = fetched.keys
            keyCount = fetched.keys.kids.count
            text = "keys \(fetched.keys.kids.joined(separator: ", ")); \(fetched.skipped) left out"
            if result == .changed { await publish(fetched.keys) }
        case .failure(let failure):
            failures += 1
            result = failure.result
            text = failure.text
        }
        nextFetch = now + pause(settings)
        report(result, text, keyCount)
        return result
    }

    /// The refresh interval; after failures one second, doubling, never longer than the interval.
    /// A tenth of it is chance, so that gateways do not ask all at once.
    private func pause(_ settings: KeySourceSettings) -> Duration {
        let interval = settings.refreshMilliseconds
        let base =
            failures == 0 ? interval : min(interval, 1_000 << Int64(min(failures - 1, 20)))
        return .milliseconds(base - .random(in: 0...max(1, base / 10)))
    }
}
