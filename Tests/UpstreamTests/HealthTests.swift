import SluiceUpstream
import SluiceVocabulary
import Testing

@Suite struct HealthTests {
    private func time(_ milliseconds: Int64) -> MonotonicTime {
        MonotonicTime(nanoseconds: milliseconds * 1_000_000)
    }

    private func record(ok: Int, failed: Int, milliseconds: Int64 = 10) -> OutlierRecord {
        var record = OutlierRecord()
        for _ in 0..<failed { record.failed() }
        for _ in 0..<ok { record.succeeded(nanoseconds: milliseconds * 1_000_000) }
        return record
    }

    @Test("errors in a row count, and one success ends the row")
    func consecutive() {
        let detector = OutlierDetector(settings: OutlierSettings(consecutiveErrors: 3))
        var record = OutlierRecord()
        record.failed()
        record.failed()
        #expect(!detector.isOut(record))
        record.succeeded(nanoseconds: 1)
        record.failed()
        record.failed()
        #expect(!detector.isOut(record))
        record.failed()
        #expect(detector.isOut(record))
        #expect(!OutlierDetector(settings: OutlierSettings(consecutiveErrors: 0)).isOut(record))
    }

    @Test("at most a share is ejected, one always may be, the last never")
    func share() {
        let detector = OutlierDetector(settings: OutlierSettings(maxEjectedShare: 0.3))
        #expect(detector.mayEject(ejected: 0, of: 3))
        #expect(!detector.mayEject(ejected: 1, of: 3))
        #expect(detector.mayEject(ejected: 2, of: 10))
        #expect(!detector.mayEject(ejected: 3, of: 10))
        #expect(!detector.mayEject(ejected: 0, of: 1))
        let all = OutlierDetector(settings: OutlierSettings(maxEjectedShare: 1))
        #expect(!all.mayEject(ejected: 2, of: 3))
    }

    @Test("ejections double up to the longest, and good intervals make them shorter again")
    func doubling() {
        let detector = OutlierDetector(
            settings: OutlierSettings(ejectionMilliseconds: 100, maxEjectionMilliseconds: 500))
        #expect((0..<5).map { detector.milliseconds(after: $0) } == [100, 200, 400, 500, 500])
        var record = OutlierRecord()
        record.eject(until: time(100))
        record.endInterval()
        #expect(record.ejections == 1)
        record.return()
        record.endInterval()
        #expect(record.ejections == 0)
    }

    @Test("an instance whose share of successes is too small stands out, the worst first")
    func successRate() {
        let detector = OutlierDetector(
            settings: OutlierSettings(successRate: 0.9, minimumRequests: 10))
        let found = detector.judge([
            record(ok: 95, failed: 5), record(ok: 80, failed: 20), record(ok: 1, failed: 8),
            record(ok: 20, failed: 80),
        ])
        #expect(found.map(\.place) == [3, 1])
        #expect(found.allSatisfy { $0.reason == .successRate })
    }

    @Test("an instance far slower than the median stands out, but not one of two")
    func latency() {
        let detector = OutlierDetector(
            settings: OutlierSettings(latencyFactor: 3, minimumRequests: 10))
        let fast = record(ok: 20, failed: 0, milliseconds: 10)
        let slow = record(ok: 20, failed: 0, milliseconds: 50)
        let found = detector.judge([fast, slow, fast])
        #expect(found.map(\.place) == [1])
        #expect(found.first?.reason == .latency)
        #expect(detector.judge([fast, slow]).isEmpty)
        let noise = record(ok: 20, failed: 0, milliseconds: 0)
        let few = record(ok: 20, failed: 0, milliseconds: 2)
        #expect(detector.judge([noise, few, noise]).isEmpty)
    }

    @Test("a slow start begins with a tenth and ends with the whole weight")
    func slowStart() {
        let start = SlowStart(windowMilliseconds: 1_000)
        let weights = stride(from: 0, through: 1_000, by: 100).map {
            start.weight(10, began: time(0), now: time(Int64($0)))
        }
        #expect(weights == [64, 128, 192, 256, 320, 384, 448, 512, 576, 640, 640])
        #expect(start.weight(10, began: nil, now: time(0)) == 640)
        #expect(start.nextStep(began: time(0), now: time(250)) == time(300))
        #expect(start.nextStep(began: time(0), now: time(950)) == nil)
    }

    @Test("checks change their mind after so many in a row, and say so once")
    func activeCheck() {
        let settings = CheckSettings(kind: .tcp, unhealthyAfter: 2, healthyAfter: 2)
        var check = ActiveCheck()
        var news: [Bool?] = []
        for ok in [false, true, false, false, false, true, false, true, true] {
            news.append(check.end(check.begin(), ok: ok, settings: settings))
        }
        #expect(news == [nil, nil, nil, false, nil, nil, nil, nil, true])
        #expect(check.isHealthy)
    }

    @Test("an outcome that comes after its check was over is ignored")
    func lateOutcome() {
        let settings = CheckSettings(kind: .tcp, unhealthyAfter: 1)
        var check = ActiveCheck()
        let first = check.begin()
        let second = check.begin()
        let news = [first, second, second].map { number in
            check.end(number, ok: false, settings: settings)
        }
        #expect(news == [nil, false, nil])
    }

    @Test("pauses between checks differ by a tenth at most")
    func jitter() {
        var random = SeededRandom(seed: 1)
        let settings = CheckSettings(kind: .tcp, intervalMilliseconds: 1_000)
        let pauses = (0..<200).map { _ in
            ActiveCheck.pauseMilliseconds(settings, isFirst: false, random: &random)
        }
        #expect(pauses.allSatisfy { (900...1_100).contains($0) })
        #expect(Set(pauses).count > 50)
    }
}
