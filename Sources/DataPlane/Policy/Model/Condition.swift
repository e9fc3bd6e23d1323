package import SluiceVocabulary

/// What `when:` says of a call. Total: it always ends, and every value it needs may be absent.
///
/// docs/policy.md, "Conditions", says what each means.
package indirect enum Condition: Sendable, Hashable {
    case all([Condition])
    case any([Condition])
    case not(Condition)
    /// One of the value's texts equals one of these. `eq` is a set of one.
    case isIn(Fact, [String])
    /// The call has the value and none of its texts is this.
    case differs(Fact, String)
    case compare(Fact, Comparison, Number)
    case isInBlocks([AddressBlock])
    case exists(Fact)
    case like(Fact, ActionPattern)
    case timeOfDay(TimeOfDay)

    /// What a condition can look at.
    package enum Fact: Sendable, Hashable {
        case source(KeySource)
        /// Bytes of the message, as limits count them.
        case bytes
    }

    package enum Comparison: String, Sendable, Hashable, CaseIterable {
        case less = "lt"
        case atMost = "le"
        case greater = "gt"
        case atLeast = "ge"
    }

    /// A constant that numbers are compared with, as it was written.
    package struct Number: Sendable, Hashable {
        package var value: Double
        package var text: String

        package init(value: Double, text: String) {
            self.value = value
            self.text = text
        }
    }

    /// Part of a day or a week, in UTC.
    package struct TimeOfDay: Sendable, Hashable {
        /// First minute of the day within, 0...1439.
        package var fromMinute: Int
        /// First minute no longer within, 0...1440; at or below `fromMinute` it is the next day's.
        package var toMinute: Int
        /// Days on which it begins, by number: 0 is Monday. Never empty.
        package var days: Set<Int>

        package init(fromMinute: Int, toMinute: Int, days: Set<Int> = Set(0...6)) {
            self.fromMinute = fromMinute
            self.toMinute = toMinute
            self.days = days
        }
    }
}
