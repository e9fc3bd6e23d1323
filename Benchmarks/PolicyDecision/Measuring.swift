import CAllocationCounter
import SluicePolicy
import SluiceVocabulary

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// CPU nanoseconds of this thread.
func threadNanoseconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
}

/// CPU nanoseconds of a piece of work.
func cpu(_ body: () throws -> Void) rethrows -> Double {
    let start = threadNanoseconds()
    try body()
    return threadNanoseconds() - start
}

/// The least of several rounds, for one of `count` pieces of work in each.
func best(of rounds: Int, count: Int, _ body: () -> Void) -> Double {
    (0..<rounds).map { _ in cpu(body) / Double(count) }.min() ?? 0
}

/// Bytes in use, the allocator's own share in them.
func allocatedBytes() -> Int { Int(allocated_bytes()) }

let noon = WallTime(microseconds: 1_764_417_600_000_000)

func evaluator(_ snapshot: PolicySnapshot) -> PolicyEvaluator {
    PolicyEvaluator(
        snapshot: snapshot,
        meters: PolicyMeters(
            permission: { _, _ in Counter() }, limit: { _, _ in Counter() },
            ban: { _ in Counter() }))
}

func connection(_ index: Int) -> PolicySubject {
    let principal = Principal(
        user: "user-\(index)", roles: ["member"], claims: [:], expiresAtSeconds: nil, tokenID: nil)
    let address: [UInt8] = [
        10, UInt8(index >> 16 & 255), UInt8(index >> 8 & 255), UInt8(index & 255),
    ]
    return PolicySubject(
        address: address, principal: principal, device: Device(id: "device-\(index)"))
}

extension PolicyEvaluator {
    /// Decides a call that must pass.
    func pass(_ call: PolicyCall, _ subject: PolicySubject, _ now: Int64) {
        switch decide(call, for: subject, now: MonotonicTime(nanoseconds: now)) {
        case .go: break
        case .wait, .pause, .refuse, .drop, .close:
            preconditionFailure("the loop is meant to measure calls that pass")
        }
    }
}
