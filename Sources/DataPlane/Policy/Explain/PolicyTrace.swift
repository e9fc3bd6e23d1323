/// Every step of one decision, for people: what was looked at, what was found, what it came to.
package struct PolicyTrace: Sendable {
    package var action: String
    package var isAuthenticated: Bool
    /// Every permission rule whose action fits, in the order of the set.
    package var permissions: [PermissionStep]
    package var isPermitted: Bool
    /// The rule that decided, or `default`; empty where permissions are not asked.
    package var permissionRule: String
    /// Every limit whose action fits, in the order of the set; empty when not permitted.
    package var limits: [LimitStep]
    /// What `PolicyEvaluator.decide` would have said. A permit in it is for show: it holds no places.
    package var verdict: PolicyVerdict

    /// One permission rule.
    package struct PermissionStep: Sendable, Equatable {
        package enum Outcome: Sendable, Equatable {
            /// It speaks of this call.
            case speaks
            /// It speaks of others; the text says what is missing.
            case otherPrincipal(String)
            case conditionFalse
        }

        package var name: String
        package var effect: PermissionEffect
        package var isShadow: Bool
        package var outcome: Outcome
        /// Its `when`, a line for each part; empty where it has none or speaks of others.
        package var condition: [ConditionLine]
    }

    /// One part of a condition.
    package struct ConditionLine: Sendable, Equatable {
        /// 0 is the whole; its parts are 1, and so on.
        package var depth: Int
        package var condition: Condition
        /// The value the call has; nil = none.
        package var found: String?
        package var holds: Bool
    }

    /// One limit.
    package struct LimitStep: Sendable {
        package enum Outcome: Sendable {
            case otherTransport
            case room
            /// Goes on after so many nanoseconds.
            case waits(Int64)
            /// No room for so many nanoseconds; 0 = nobody knows.
            case lacksRoom(Int64)
            case neverFits
            /// For so many nanoseconds.
            case banned(Int64)
        }

        package var name: String
        package var algorithm: LimitAlgorithm
        package var unit: LimitUnit
        package var isShadow: Bool
        package var onLimit: LimitAction
        package var key: [KeyPart]
        /// The value whose override is in force.
        package var variant: String?
        package var outcome: Outcome
        /// What the call takes.
        package var amount: Int64
        package var used: Int64
        package var quota: Int64
        package var remaining: Int64
        /// Nanoseconds until all of it is there again.
        package var reset: Int64
    }

    /// One part of a bucket's key.
    package struct KeyPart: Sendable, Equatable {
        package var source: KeySource
        package var value: String
        /// The call has no such value; the address stands in.
        package var isAddressInstead: Bool
    }
}

extension PolicyTrace.LimitStep.Outcome {
    static func noRoom(_ look: LimitLook) -> Self {
        if look.isBanned { return .banned(look.retry) }
        return look.isTooLarge ? .neverFits : .lacksRoom(look.retry)
    }
}

extension PolicyTrace.LimitStep {
    /// A step before anything was looked at.
    init(_ hold: LimitHold, _ call: PolicyCall, _ subject: PolicySubject) {
        let line = hold.line
        let facts = CallFacts(call: call, subject: subject, scope: line.scope)
        name = line.name
        algorithm = line.algorithm
        unit = line.countsBytes ? .bytes : .requests
        isShadow = line.isShadow
        onLimit = line.onLimit
        key = line.key.map { source in
            let value = facts.text(source)
            return PolicyTrace.KeyPart(
                source: source, value: value ?? subject.address.text(bits4: 32, bits6: 64),
                isAddressInstead: value == nil)
        }
        variant = line.numbers.name(ofVariant: hold.variant)
        outcome = .otherTransport
        amount = line.amount(hold.terms, bytes: call.bytes)
        used = 0
        quota = hold.terms.limit
        remaining = 0
        reset = 0
    }
}
