import Foundation
import SluiceDocuments
import SluiceGateway
import Testing

/// SplitMix64: the same seed gives the same damage.
private struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }
}

@Suite("Configuration: damaged files")
struct ConfigurationDamageTests {
    @Test("random damage gives a configuration or errors with places, never a crash")
    func randomDamage() {
        let seed = UInt64.random(in: .min ... .max)
        var dice = Dice(state: seed)
        let pieces = [
            "&a ", "*a", "!!int ", "<<: ", "? ", "- ", ": ", "\t", "{", "}", "[", "]", "\"", "'",
            "|",
            ">", "%", "@", "---\n", "...\n", "\u{0}", "\u{FEFF}", "\r", "#", "null",
            "99999999999999999999",
        ]
        for round in 0..<400 {
            var text = Array(Configuration.builtInText.unicodeScalars)
            for _ in 0..<Int.random(in: 1...4, using: &dice) {
                let place = Int.random(in: 0..<text.count, using: &dice)
                switch Int.random(in: 0...2, using: &dice) {
                case 0:
                    text.removeSubrange(
                        place..<min(text.count, place + Int.random(in: 1...30, using: &dice)))
                case 1:
                    text.insert(
                        contentsOf: (pieces.randomElement(using: &dice) ?? "").unicodeScalars,
                        at: place)
                default: text[place] = Unicode.Scalar(UInt8.random(in: 0...127, using: &dice))
                }
            }
            var damaged = String.UnicodeScalarView()
            damaged.append(contentsOf: text)
            do {
                _ = try Configuration.decode(text: String(damaged), file: "f", environment: [:])
            } catch {
                #expect(error.hasErrors, "seed \(seed), round \(round)")
                for finding in error.diagnostics {
                    let place = finding.position
                    #expect(
                        place.file == "f" && place.line >= 1 && place.column >= 1,
                        "seed \(seed), round \(round): \(finding.text)")
                    #expect(
                        !finding.text.contains("\n"),
                        "seed \(seed), round \(round): \(finding.text)")
                }
            }
        }
    }
}
