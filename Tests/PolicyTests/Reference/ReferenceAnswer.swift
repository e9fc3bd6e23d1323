import SluicePolicy
import SluiceVocabulary

/// What a call gets, in a form in which reference and engine can be held against each other.
struct ReferenceAnswer: Equatable, CustomStringConvertible {
    enum Verdict: Equatable { case go, wait, pause, refuse, drop, close }

    var verdict: Verdict
    /// The permission rule of a call that goes on, else the rule that says no.
    var rule: String
    /// Of a refusal.
    var kind: RefusalKind?
    /// Nanoseconds of a wait or a pause.
    var waitNanoseconds: Int128 = 0
    /// Of a refusal.
    var retryMilliseconds: Int128 = 0
    /// Of a call that goes on.
    var remaining: Int128 = 0
    var shadowRule: String?
    /// Not part of the answer: exact time until a refused call fits, to aim the next call at it.
    var retryNanoseconds: Int128 = 0

    static func == (left: Self, right: Self) -> Bool {
        left.verdict == right.verdict && left.rule == right.rule && left.kind == right.kind
            && left.waitNanoseconds == right.waitNanoseconds
            && left.retryMilliseconds == right.retryMilliseconds
            && left.remaining == right.remaining && left.shadowRule == right.shadowRule
    }
}

extension ReferenceAnswer {
    var description: String {
        var parts = ["\(verdict) by '\(rule)'"]
        if let kind { parts.append("\(kind.name), retry \(retryMilliseconds) ms") }
        if waitNanoseconds > 0 { parts.append("wait \(waitNanoseconds) ns") }
        if verdict == .go || verdict == .wait { parts.append("remaining \(remaining)") }
        if let shadowRule { parts.append("shadow \(shadowRule)") }
        return parts.joined(separator: ", ")
    }

    /// The same of the engine's verdict.
    init(_ verdict: PolicyVerdict) {
        switch verdict {
        case .go(let permit): self.init(.go, permit)
        case .wait(let permit, let nanoseconds):
            self.init(.wait, permit)
            waitNanoseconds = Int128(nanoseconds)
        case .pause(let rule, let nanoseconds):
            self.init(verdict: .pause, rule: rule, waitNanoseconds: Int128(nanoseconds))
        case .refuse(let refusal): self.init(.refuse, refusal)
        case .drop(let refusal): self.init(.drop, refusal)
        case .close(let refusal): self.init(.close, refusal)
        }
    }

    private init(_ verdict: Verdict, _ permit: Permit) {
        self.init(
            verdict: verdict, rule: permit.rule, remaining: Int128(permit.remaining),
            shadowRule: permit.shadowRule)
    }

    private init(_ verdict: Verdict, _ refusal: Refusal) {
        self.init(
            verdict: verdict, rule: refusal.rule ?? "", kind: refusal.kind,
            retryMilliseconds: Int128(refusal.retryAfterMilliseconds))
    }
}
