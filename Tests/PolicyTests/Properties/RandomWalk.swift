import SluicePolicy
import SluiceVocabulary

/// A walk made up step by step: what comes next depends on what was answered, so that calls hit the
/// nanosecond at which something changes.
struct RandomWalk {
    private var random: SeededRandom
    private(set) var walk: Walk
    private var now: Int64
    /// What the wall clock shows more than the monotonic one, in microseconds.
    private var ahead: Int64
    private var lastRetry: Int64 = 0
    private var edits = 0
    /// The wall clock is set back now and then. Then no key is forgotten: a quota's count would go
    /// with it, and be missed where its period came again.
    private let goesBack: Bool
    /// When keys were last forgotten.
    private var forgotten: Int64

    /// Where in the calendar walks begin: ordinary days, ends of months and years, leap days.
    private static let dates: [Int64] = [
        1_793_000_000, 1_709_164_790, 1_735_689_590, 1_740_787_190, 951_782_395, 4_107_542_395,
        1_772_323_195, 86_395,
    ]

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        let model = RandomPolicies.model(&random)
        goesBack = random.chance(30)
        let count = Int(random.int(2...5))
        var callers: [Caller] = []
        for _ in 0..<count { callers.append(RandomCalls.caller(&random)) }
        walk = Walk(model: model, callers: callers)
        now = random.pick([0, 1_000, random.int(0...(1 << 61))])
        forgotten = now
        ahead = random.pick(Self.dates) * 1_000_000 - now / 1_000
    }

    private var wall: Int64 { max(0, now / 1_000 + ahead) }

    /// Goes so many steps. Nil, or the number of the step at which engine and reference part, and how.
    mutating func run(steps: Int, from first: Int, on replay: Replay) -> (Int, String)? {
        for number in first..<(first + steps) {
            let operation = next(replay)
            walk.operations.append((number, operation))
            let (problem, answer) = replay.perform(number, operation)
            if let problem { return (number, problem) }
            if let answer {
                lastRetry = Int64(max(answer.retryNanoseconds, answer.waitNanoseconds))
            }
        }
        return replay.countersDiffer().map { (first + steps, $0) }
    }

    private mutating func next(_ replay: Replay) -> Operation {
        switch Int.random(in: 0..<1_000, using: &random) {
        case 0..<10:
            edits += 1
            walk.model = RandomPolicies.edited(walk.model, number: edits, &random)
            return .reload(walk.model)
        case 10..<20: if !goesBack { return forget() }
        case 20..<40:
            let connection = Int(random.int(0...Int64(walk.callers.count - 1)))
            return .identify(connection: connection, RandomCalls.caller(&random))
        case 40..<140:
            if let call = replay.underWay.min() { return .release(call) }
        case 140..<200:
            if let call = replay.underWay.max() { return .release(call) }
        default: break
        }
        step()
        // An idle bucket is full for two years before its clock wraps; long before that it is gone.
        if !goesBack, now - forgotten > 300 * 86_400 * second { return forget() }
        let connection = Int(random.int(0...Int64(walk.callers.count - 1)))
        let call = RandomCalls.call(walk.callers[connection].transport, wall: wall, &random)
        return .call(
            connection: connection, evaluator: random.chance(50) ? 0 : 1, call, now: now,
            limitsOnly: random.chance(5))
    }

    private mutating func forget() -> Operation {
        forgotten = now
        return .forget(now: now, wall: wall)
    }

    /// Lets time go by: mostly little, often exactly as much as matters.
    private mutating func step() {
        let limits = walk.model.limits
        let numbers =
            limits.isEmpty ? nil : Optional(limits[Int(random.int(0...Int64(limits.count - 1)))])
        let period = numbers?.numbers.periodNanoseconds ?? second
        switch Int.random(in: 0..<200, using: &random) {
        case 0..<70: break
        case 70..<120: pass(random.int(0...max(1, period / (numbers?.numbers.limit ?? 1))))
        case 120..<140: pass(random.int(0...period))
        case 140..<155: pass(lastRetry - random.pick([0, 0, 1]))
        case 155..<160: pass(lastRetry / 1_000_000 * 1_000_000)
        case 160..<172: pass((now / period + 1) * period - now - random.pick([0, 0, 1]))
        case 172..<178: pass(random.int(0...(3 * period)))
        case 178..<186: toCalendar(limits.compactMap(\.calendar).first ?? .day)
        case 186..<190:
            if goesBack {
                ahead -= random.int(0...5) * random.pick([1, 1_000_000, 90_000_000_000])
            }
        case 190..<194: ahead += random.int(0...5) * random.pick([1, 1_000_000, 90_000_000_000])
        case 194: pass(random.int(0...400) * 86_400 * second)
        default: pass(random.int(0...3_000_000))
        }
    }

    private mutating func pass(_ nanoseconds: Int64) {
        let longest = goesBack ? 3_600 * second : Int64.max
        // Far from the end of the clock, which is 292 years away.
        if now < 1 << 62 { now += min(max(0, nanoseconds), longest) }
    }

    /// To the last or first microsecond of a period, by the wall clock alone.
    private mutating func toCalendar(_ period: CalendarPeriod) {
        let end = ReferenceCalendar.period(period, around: wall).upperBound
        ahead += end - wall - random.pick([0, 0, 1])
    }
}
