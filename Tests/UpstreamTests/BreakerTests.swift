import SluiceUpstream
import SluiceVocabulary
import Testing

/// Something that changes, in a box: `#expect` can then call what changes it.
private final class Machine {
    private var breaker: CircuitBreaker
    init(_ breaker: CircuitBreaker) { self.breaker = breaker }
    var state: BreakerState { breaker.state }
    func admits(now: MonotonicTime) -> Bool { breaker.admits(now: now) }
    func started(now: MonotonicTime) -> Bool { breaker.started(now: now) }
    /// One that ended in the moment it began, where no other is named.
    func ended(ok: Bool, began: MonotonicTime? = nil, now: MonotonicTime) -> Bool {
        breaker.ended(ok: ok, began: began ?? now, now: now)
    }
    func cancelled(began: MonotonicTime) { breaker.cancelled(began: began) }
}

private final class Budget {
    private var budget: RetryBudget
    init(_ budget: RetryBudget) { self.budget = budget }
    func called(now: MonotonicTime) { budget.called(now: now) }
    func withdraw(now: MonotonicTime) -> Bool { budget.withdraw(now: now) }
}

@Suite struct BreakerTests {
    private func time(_ milliseconds: Int64) -> MonotonicTime {
        MonotonicTime(nanoseconds: milliseconds * 1_000_000)
    }

    private let settings = BreakerSettings(
        failureRate: 0.5, minimumRequests: 10, windowMilliseconds: 1_000, openMilliseconds: 100,
        probes: 2)

    private func opened() -> Machine {
        let breaker = Machine(CircuitBreaker(settings))
        for _ in 0..<10 { _ = breaker.ended(ok: false, now: time(0)) }
        return breaker
    }

    @Test("it opens at the rate, not before there are enough calls")
    func opens() {
        let breaker = Machine(CircuitBreaker(settings))
        for _ in 0..<4 { #expect(!breaker.ended(ok: true, now: time(0))) }
        for _ in 0..<5 { #expect(!breaker.ended(ok: false, now: time(0))) }
        #expect(breaker.state == .closed)
        #expect(breaker.ended(ok: false, now: time(1)))
        #expect(breaker.state == .open)
        #expect(!breaker.admits(now: time(100)))
        #expect(breaker.admits(now: time(101)))
    }

    @Test("what is older than the window is forgotten")
    func window() {
        let breaker = Machine(CircuitBreaker(settings))
        for _ in 0..<9 { _ = breaker.ended(ok: false, now: time(0)) }
        #expect(!breaker.ended(ok: false, now: time(2_000)))
        #expect(breaker.state == .closed)
    }

    @Test("half-open passes so many probes; all that succeed close it")
    func closes() {
        let breaker = opened()
        #expect(breaker.started(now: time(100)))
        #expect(breaker.state == .halfOpen)
        #expect(breaker.admits(now: time(100)))
        _ = breaker.started(now: time(100))
        #expect(!breaker.admits(now: time(100)))
        #expect(!breaker.ended(ok: true, now: time(110)))
        #expect(breaker.ended(ok: true, now: time(110)))
        #expect(breaker.state == .closed)
        #expect(!breaker.ended(ok: false, now: time(120)))
    }

    @Test("a probe that fails opens it for twice as long")
    func reopens() {
        let breaker = opened()
        _ = breaker.started(now: time(100))
        #expect(breaker.ended(ok: false, now: time(110)))
        #expect(!breaker.admits(now: time(309)))
        #expect(breaker.admits(now: time(310)))
    }

    @Test("a probe whose caller leaves makes room for another")
    func cancelled() {
        let breaker = opened()
        _ = breaker.started(now: time(100))
        _ = breaker.started(now: time(100))
        breaker.cancelled(began: time(100))
        #expect(breaker.admits(now: time(100)))
    }

    @Test("half-open hears its probes alone, not how older calls end")
    func older() {
        let breaker = opened()
        _ = breaker.started(now: time(100))
        _ = breaker.started(now: time(100))
        // From before it opened, and from while it was open.
        for began in [0, 99] as [Int64] {
            #expect(!breaker.ended(ok: true, began: time(began), now: time(105)))
            #expect(!breaker.ended(ok: false, began: time(began), now: time(105)))
            breaker.cancelled(began: time(began))
        }
        #expect(breaker.state == .halfOpen)
        #expect(!breaker.admits(now: time(105)), "none of them was a probe: none made room")
        #expect(!breaker.ended(ok: true, began: time(100), now: time(110)))
        #expect(breaker.ended(ok: true, began: time(100), now: time(110)))
        #expect(breaker.state == .closed)
    }

    @Test("probes of an earlier attempt are older calls, too")
    func olderProbes() {
        let breaker = opened()
        _ = breaker.started(now: time(100))
        _ = breaker.started(now: time(100))
        #expect(breaker.ended(ok: false, began: time(100), now: time(110)))
        #expect(breaker.started(now: time(310)))
        #expect(!breaker.ended(ok: false, began: time(100), now: time(320)))
        #expect(breaker.state == .halfOpen)
    }

    @Test("calls from before it opened do not open it again once it has closed")
    func olderWhenClosed() {
        let breaker = opened()
        for _ in 0..<2 { _ = breaker.started(now: time(100)) }
        for _ in 0..<2 { _ = breaker.ended(ok: true, began: time(100), now: time(110)) }
        for _ in 0..<20 { #expect(!breaker.ended(ok: false, began: time(0), now: time(120))) }
        #expect(breaker.state == .closed)
        for _ in 0..<9 { #expect(!breaker.ended(ok: false, began: time(100), now: time(130))) }
        #expect(breaker.ended(ok: false, began: time(100), now: time(130)))
    }

    @Test("the budget allows a share of calls and a reserve, and forgets after ten seconds")
    func budget() {
        let budget = Budget(RetryBudget(share: 0.2))
        for _ in 0..<1_000 { budget.called(now: time(0)) }
        var taken = 0
        while budget.withdraw(now: time(1)) { taken += 1 }
        #expect(taken == 200 + Int(RetryBudget.reserve))
        #expect(!budget.withdraw(now: time(5_000)))
        #expect(budget.withdraw(now: time(12_000)))
        let none = Budget(RetryBudget(share: 0))
        none.called(now: time(0))
        #expect(!none.withdraw(now: time(0)))
    }
}
