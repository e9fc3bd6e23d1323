import Testing

@Suite("Broken policies")
struct BrokenPolicyTests {
    @Test("each is refused with its place, its reason and a hint", arguments: BrokenPolicy.corpus)
    func corpus(_ broken: BrokenPolicy) {
        #expect(findings(broken.files) == broken.findings)
    }
}
