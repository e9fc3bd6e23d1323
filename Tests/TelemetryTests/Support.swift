import Foundation
import SluiceTelemetry
import SluiceVocabulary
import Synchronization
import Testing

/// A clock that stands still until told otherwise.
final class ManualClock: Clocks {
    private let nanoseconds = Atomic<Int64>(1_000_000_000)

    func monotonic() -> MonotonicTime {
        MonotonicTime(nanoseconds: nanoseconds.load(ordering: .relaxed))
    }
    func wall() -> WallTime {
        WallTime(microseconds: 1_800_000_000_000_000 + monotonic().nanoseconds / 1_000)
    }
    func advance(milliseconds: Double) {
        nanoseconds.wrappingAdd(Int64(milliseconds * 1_000_000), ordering: .relaxed)
    }
}

/// One loop's log with a tick driven by hand.
final class LoopUnderTest {
    let clock: ManualClock
    let tick: LoopTick
    let log: AccessLog
    private(set) var catalog = ActionCatalog(commands: [])

    init(_ journal: Journal, loop: Int = 0, clock: ManualClock = ManualClock()) {
        self.clock = clock
        tick = LoopTick(clocks: clock, atEnd: { _ in })
        log = journal.accessLog(loop: loop, tick: tick)
    }

    /// One turn of the loop.
    func turn(_ work: (LoopUnderTest) -> Void) {
        tick.begin()
        work(self)
        tick.finish()
    }

    /// Puts shares in force, and the catalog they were made for.
    func adopt(_ shares: LogShares) {
        catalog = shares.catalog
        log.adopt(shares)
    }

    /// Asks about a request without writing its entry.
    func weight(_ logClass: LogClass) -> UInt32 { log.weight(for: logClass, action: .unknown) }

    /// One request as the data plane accounts for it; the weight, 0 when it was skipped. What the
    /// catalog does not know counts as `unknown`, whatever its entry says.
    @discardableResult
    func request(_ logClass: LogClass, action: String = "echo") -> UInt32 {
        let weight = log.weight(
            for: logClass, action: catalog.action(named: action) ?? .unknown)
        guard weight > 0 else { return 0 }
        var record = AccessRecord(event: .request, logClass: logClass, time: tick.wall)
        record.action = action
        record.weight = weight
        log.write(record)
        return weight
    }
}

/// A seeded generator (SplitMix64).
struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }
}

/// A file that collects what a journal writes as lines.
final class LineFile {
    let path: String
    let descriptor: Int32

    init() {
        path = NSTemporaryDirectory() + "sluice-lines-\(UUID().uuidString)"
        descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0o600)
    }

    deinit {
        close(descriptor)
        unlink(path)
    }

    /// Every line as a JSON object of strings; fails the caller's test when one is not.
    func entries() throws -> [[String: String]] {
        let text = try String(contentsOfFile: path, encoding: .utf8)
        return try text.split(separator: "\n").map { line in
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
            return try #require(object as? [String: String])
        }
    }
}

/// Value of a sample line on the page, nil when it is not there.
func sample(_ registry: MetricsRegistry, _ series: String) -> Double? {
    let page = String(decoding: registry.render(.text004), as: UTF8.self)
    for line in page.split(separator: "\n") where line.hasPrefix(series + " ") {
        return Double(line.dropFirst(series.utf8.count + 1))
    }
    return nil
}

/// `sluice_log_entries_total` of a class and result.
func logged(_ registry: MetricsRegistry, _ logClass: LogClass, _ result: String) -> UInt64 {
    let series = "sluice_log_entries_total{class=\"\(logClass.name)\",result=\"\(result)\"}"
    return UInt64(sample(registry, series) ?? 0)
}

/// Waits for a condition another thread brings about; false after ten seconds.
func waitUntil(_ condition: () -> Bool) -> Bool {
    let deadline = ContinuousClock.now + .seconds(10)
    while !condition() {
        if ContinuousClock.now > deadline { return false }
        sched_yield()
    }
    return true
}
