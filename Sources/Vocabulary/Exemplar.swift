import Synchronization

/// One request that stands for a bucket of a histogram: the way from a latency on a dashboard to the
/// request's entry in the journal.
package struct Exemplar: Sendable, Equatable {
    package let connection: ConnectionID
    /// Number of the request on its connection.
    package let request: UInt64
    package let trace: TraceID?
    package let nanoseconds: Int64
    /// When it was answered.
    package let time: WallTime

    package init(
        connection: ConnectionID, request: UInt64, trace: TraceID?, nanoseconds: Int64,
        time: WallTime
    ) {
        self.connection = connection
        self.request = request
        self.trace = trace
        self.nanoseconds = nanoseconds
        self.time = time
    }

    /// As the journal's `SLUICE_REQUEST_ID` writes it.
    package var requestID: String {
        "\(connection.text)-\(request)"
    }
}

/// The place of one exemplar, written by one thread and read by any: a sequence lock. The writer
/// neither waits nor allocates; a reader that meets it at work looks again.
final class ExemplarCell: Sendable {
    /// Odd while the words change; 0 = never written.
    private let sequence = Atomic<UInt64>(0)
    private let connection = Atomic<UInt64>(0)
    private let request = Atomic<UInt64>(0)
    private let traceHigh = Atomic<UInt64>(0)
    private let traceLow = Atomic<UInt64>(0)
    private let nanoseconds = Atomic<Int64>(0)
    private let microseconds = Atomic<Int64>(0)
    /// A reader gives up after this many torn looks: the writer is then at work all the time.
    private static let maxLooks = 100

    init() {}

    func write(_ exemplar: Exemplar) {
        let before = sequence.load(ordering: .relaxed)
        sequence.store(before &+ 1, ordering: .relaxed)
        atomicMemoryFence(ordering: .releasing)
        connection.store(exemplar.connection.rawValue, ordering: .relaxed)
        request.store(exemplar.request, ordering: .relaxed)
        traceHigh.store(exemplar.trace?.high ?? 0, ordering: .relaxed)
        traceLow.store(exemplar.trace?.low ?? 0, ordering: .relaxed)
        nanoseconds.store(exemplar.nanoseconds, ordering: .relaxed)
        microseconds.store(exemplar.time.microseconds, ordering: .relaxed)
        sequence.store(before &+ 2, ordering: .releasing)
    }

    /// The last one written, whole; nil when there is none.
    func read() -> Exemplar? {
        for _ in 0..<Self.maxLooks {
            let before = sequence.load(ordering: .acquiring)
            guard before != 0 else { return nil }
            let exemplar = Exemplar(
                connection: ConnectionID(rawValue: connection.load(ordering: .relaxed)),
                request: request.load(ordering: .relaxed),
                trace: TraceID(
                    high: traceHigh.load(ordering: .relaxed),
                    low: traceLow.load(ordering: .relaxed)),
                nanoseconds: nanoseconds.load(ordering: .relaxed),
                time: WallTime(microseconds: microseconds.load(ordering: .relaxed)))
            atomicMemoryFence(ordering: .acquiring)
            if before & 1 == 0, sequence.load(ordering: .relaxed) == before { return exemplar }
        }
        return nil
    }
}
