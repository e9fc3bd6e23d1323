import SluicePolicy
import SluiceVocabulary

extension Replay {
    /// Nil when an explanation said what the decision then was.
    func difference(_ trace: PolicyTrace, _ verdict: PolicyVerdict) -> String? {
        let told = ReferenceAnswer(trace.verdict)
        let found = ReferenceAnswer(verdict)
        if told != found { return "explain says \(told), decide \(found)" }
        if trace.verdict.refusal == verdict.refusal { return nil }
        return "explain says \(trace.verdict), decide \(verdict)"
    }
}
