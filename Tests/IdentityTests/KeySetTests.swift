import SluiceIdentity
import Testing

@Suite("Key set")
struct KeySetTests {
    private func error(_ materials: [KeyMaterial]) async -> KeyError? {
        do {
            _ = try await KeySet.make(materials)
            return nil
        } catch { return error }
    }

    private func key(_ kid: String, secret: UInt8 = 1) -> KeyMaterial {
        KeyMaterial(
            kid: kid, algorithm: "HS256", secret: [UInt8](repeating: secret, count: 32))
    }

    @Test("what is wrong with a key is said by name")
    func wrongKeys() async {
        #expect(await error([]) == .noKeys)
        #expect(await error([key("")]) == .emptyKid)
        #expect(await error([key("a"), key("a", secret: 2)]) == .duplicateKid("a"))
        for algorithm in ["none", "", "hs256", "ES256K", "RSA"] {
            let material = KeyMaterial(
                kid: "a", algorithm: algorithm, secret: [UInt8](repeating: 1, count: 64))
            #expect(
                await error([material])
                    == .unsupportedAlgorithm(kid: "a", algorithm: algorithm))
        }
    }

    @Test("a secret of 31 bytes is refused and one of 32 is taken")
    func secretLength() async {
        func material(_ count: Int) -> KeyMaterial {
            KeyMaterial(
                kid: "a", algorithm: "HS256", secret: [UInt8](repeating: 1, count: count))
        }
        #expect(
            await error([material(31)]) == .secretTooShort(kid: "a", byteCount: 31, minimum: 32))
        #expect(await error([material(32)]) == nil)
    }

    @Test("the revision changes with the keys and with nothing else")
    func revision() async throws {
        let first = try await KeySet.make([key("a"), key("b", secret: 2)])
        let again = try await KeySet.make([key("b", secret: 2), key("a")])
        #expect(first.revision == again.revision)
        for others in [
            [key("a")], [key("a"), key("c", secret: 2)], [key("a"), key("b", secret: 3)],
            [key("a", secret: 2), key("b")],
        ] {
            #expect(try await KeySet.make(others).revision != first.revision)
        }
    }

    @Test("a key that is printed or dumped does not show its secret")
    func secretsStayHidden() {
        let material = KeyMaterial(
            kid: "main", algorithm: "HS256", secret: Array("wonderland wonderland".utf8))
        var dumped = ""
        dump(material, to: &dumped)
        for text in ["\(material)", String(reflecting: material), dumped] {
            #expect(text.contains("main"))
            #expect(!text.contains("119"))
            #expect(!text.contains("wonder"))
        }
        #expect(
            !KeyError.secretTooShort(kid: "main", byteCount: 3, minimum: 32).text.contains("wonder")
        )
    }
}
