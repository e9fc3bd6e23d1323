import Testing

@Suite("Broken policies")
struct BrokenPolicyTests {
    @Test(
        "each is refused with its place, its reason and a hint",
        arguments: BrokenPolicy.all)
    func corpus(_ broken: BrokenPolicy) {
        #expect(findings(broken.files) == broken.findings)
    }

    @Test("no action has more limits than a call can walk")
    func crowd() {
        let limits = (0..<65).map { limitText("limit-\($0)") }.joined()
        let expected = "a.yaml:389:11: error: more than 64 limits match `message.send`; join some"
        #expect(findings([policyText(limits)]) == expected)
        // Alternately tighter in one way and looser in the other: none is needless.
        let fewer = (0..<64).map {
            limitText("limit-\($0)", limit: "\(60 + $0)", more: "burst: \(100 - $0)")
        }.joined()
        #expect(findings([policyText(fewer)]) == "")
    }
}
