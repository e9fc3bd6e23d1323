/// One run of a process of the gateway, as far as a replay has come: its buckets were full when it
/// began.
///
/// A journal may begin in the middle of a run, and one process number may have several.
struct ReplayRun {
    /// When it first did something, microseconds since 1970.
    private var first: Int64
    /// Its start was seen.
    private(set) var hasStarted = false
    /// False where entries name no process: then what came before a start may be of another run.
    private let isNamed: Bool

    /// Older gateways serve a moment before they say so, on a busy machine for seconds.
    static let earlyMicroseconds: Int64 = 10_000_000

    /// - Parameter entry: the first of its process, whatever it is.
    init(_ entry: ReplayEntry, isNamed: Bool) {
        first = entry.time
        self.isNamed = isNamed
    }

    /// Whether a start that the same process told at `time` is that of this run, whose buckets go on.
    /// If not, another run begins with it.
    func isStart(at time: Int64) -> Bool {
        !hasStarted && isNamed && time - first <= Self.earlyMicroseconds
    }

    /// Takes a start of the same process.
    ///
    /// - Returns: whether another run begins, whose buckets are full.
    mutating func start(at time: Int64) -> Bool {
        let isOther = !isStart(at: time)
        hasStarted = true
        if isOther { first = time }
        return isOther
    }
}
