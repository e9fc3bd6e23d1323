import SluiceEdge
import Testing

@Suite("TLS: choosing a certificate by SNI")
struct CertificateChoiceTests {
    private func choice() -> CertificateChoice {
        var choice = CertificateChoice()
        #expect(choice.add("a.example", for: 0) == nil)
        #expect(choice.add("B.example", for: 1) == nil)
        #expect(choice.add("*.apps.example", for: 2) == nil)
        #expect(choice.add("special.apps.example", for: 3) == nil)
        return choice
    }

    @Test(
        "the name decides; a wildcard stands for one label; whoever asks for nothing known gets the first",
        arguments: [
            ("a.example", 0), ("b.example", 1), ("B.EXAMPLE", 1), ("b.example.", 1),
            ("x.apps.example", 2), ("special.apps.example", 3), ("x.y.apps.example", 0),
            ("apps.example", 0), (".apps.example", 0), ("*.apps.example", 2), ("other", 0),
            ("", 0), (".", 0),
        ])
    func names(name: String, place: Int) {
        #expect(choice().certificate(for: name) == place)
    }

    @Test("no name at all gets the first")
    func noName() { #expect(choice().certificate(for: nil) == 0) }

    @Test("a name is taken once")
    func twice() {
        var choice = choice()
        #expect(choice.add("b.EXAMPLE", for: 7) == 1)
        #expect(choice.add("*.Apps.example.", for: 7) == 2)
        #expect(choice.certificate(for: "b.example") == 1)
    }
}
