import SluiceDocuments
import SluicePolicy
import SluiceVocabulary

/// One file of tests, read and checked.
struct PolicyTestFile {
    /// As errors show it.
    let name: String
    let tests: [PolicyTest]
}

/// One test: steps on a clock of its own, over buckets of its own.
struct PolicyTest {
    let name: String
    let position: SourcePosition
    /// The wall clock at 0s.
    let start: WallTime
    let steps: [PolicyTestStep]
}

/// What happens at one moment of a test, and what must come of it.
struct PolicyTestStep {
    /// Counted from 1.
    let number: Int
    let position: SourcePosition
    /// Since the test began.
    let atNanoseconds: Int64
    let work: Work
    let expectations: [Expectation]

    enum Work {
        case send(PolicyTestCalls)
        /// The set of another directory takes over.
        case reload(PolicySource)
    }
}

/// Equal calls, one after another; or such as differ by their number.
struct PolicyTestCalls {
    /// With `{n}` in place of the number, where they differ.
    var call: CallDescription
    var times = 1
    /// From one call to the next; 0 = all at once.
    var everyNanoseconds: Int64 = 0
    /// How long each is under way once it goes on; 0 = over at once.
    var holdNanoseconds: Int64 = 0

    static let most = 100_000

    /// One of the calls.
    ///
    /// - Parameter number: counted from 0.
    func call(_ number: Int) -> CallDescription {
        call.isNumbered ? call.numbered(number + 1) : call
    }

    /// When the last of them comes, counted from the first.
    var spanNanoseconds: Int64 { Int64(times - 1) * everyNanoseconds }
}

/// One line under `expect`.
struct Expectation {
    let position: SourcePosition
    let claim: Claim

    enum Claim: Equatable {
        /// So many calls of the step had this outcome.
        case count(Tally, Int)
        /// Rules that named themselves in what did not go on.
        case refusedBy(RuleCounts)
        /// The permission rule of every call that went on.
        case permittedBy(String)
        /// Shadow rules that would have decided otherwise.
        case shadow(RuleCounts)
        /// When the last call that did not go on may come back; 0 = not known.
        case retryAfter(nanoseconds: Int64)
        /// How long the call waited that waited longest.
        case waited(nanoseconds: Int64)
        /// What the last call that went on was told to have left.
        case remaining(Int64)
    }

    /// Rules by how often; or one of them, at least once and no other.
    enum RuleCounts: Equatable {
        case only(String)
        case each([String: Int])
    }

    /// What calls are counted by. The first five part the calls of a step among them.
    enum Tally: String, CaseIterable {
        case allowed, refused, dropped, closed, paused
        /// Of the allowed ones, those that wait first.
        case delayed
        /// Of those that do not go on, by why.
        case denied
        case tooLarge = "too_large"

        /// Every call has exactly one of these.
        static let parts: [Self] = [.allowed, .refused, .dropped, .closed, .paused]
    }
}
