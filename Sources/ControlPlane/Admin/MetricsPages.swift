package import SluiceTelemetry

/// Makes metrics pages, one at a time and off the event loops, whoever asks and how often.
///
/// A scrape that comes while a page is being made waits for the next one, which all who wait share:
/// it holds everything that was counted before they asked, and a crowd of scrapers costs what two do.
package actor MetricsPages {
    /// What a scraper asked for.
    package struct Form: Hashable, Sendable {
        package var format: ExpositionFormat
        package var isCompressed: Bool

        package init(format: ExpositionFormat, isCompressed: Bool = false) {
            self.format = format
            self.isCompressed = isCompressed
        }
    }

    /// More would hurt the scraper, and this process's memory.
    package static let maxBytes = 64 << 20

    private let registry: MetricsRegistry
    private let maxBytes: Int
    /// Pages that somebody waits for and nobody has begun to make.
    private var next: [Form: Task<AdminResponse, Never>] = [:]
    private var last: Task<AdminResponse, Never>?

    /// - Parameters:
    ///   - registry: what the pages show.
    ///   - maxBytes: of a page before it is compressed; over it the answer is 503.
    package init(registry: MetricsRegistry, maxBytes: Int = MetricsPages.maxBytes) {
        self.registry = registry
        self.maxBytes = maxBytes
    }

    /// A page that was begun after this call.
    package func page(_ form: Form) async -> AdminResponse {
        if let waiting = next[form] { return await waiting.value }
        let before = last
        let task = Task.detached { [registry, maxBytes] in
            _ = await before?.value
            await self.begin(form)
            return Self.make(form, of: registry, maxBytes: maxBytes)
        }
        next[form] = task
        last = task
        return await task.value
    }

    /// From here on a scrape gets a later page.
    private func begin(_ form: Form) { next[form] = nil }

    private static func make(
        _ form: Form, of registry: MetricsRegistry, maxBytes: Int
    ) -> AdminResponse {
        let page = registry.render(form.format)
        guard page.count <= maxBytes else {
            return .problem(
                503, "Service Unavailable",
                "the metrics page has \(page.count) bytes, more than \(maxBytes): lower "
                    + "telemetry.metrics_series, or join rules of the policy",
                name: "metrics_too_large")
        }
        var response = AdminResponse(
            status: 200, contentType: form.format.contentType, body: page)
        response.varies = true
        if form.isCompressed, let packed = Gzip.compress(page) {
            response.body = packed
            response.contentEncoding = "gzip"
        }
        return response
    }
}
