import SluiceVocabulary
import Testing

@Suite("Identifiers")
struct IdentifierTests {
    @Test("a connection id gives back the loop, slot and generation it was made of")
    func connectionIDRoundTrip() {
        let id = ConnectionID(loop: 255, slot: 0xFF_FFFF, generation: .max)
        #expect(id.loop == 255)
        #expect(id.slot == 0xFF_FFFF)
        #expect(id.generation == .max)
        #expect(ConnectionID(loop: 1, slot: 2, generation: 3).text == "0100000200000003")
    }
}
