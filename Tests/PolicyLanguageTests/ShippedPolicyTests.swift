import Foundation
import SluiceDocuments
import SluicePolicy
import SluicePolicyLanguage
import SluiceVocabulary
import Testing

@Suite("The shipped policy")
struct ShippedPolicyTests {
    private func shipped() throws -> PolicyCompilation {
        let here = URL(fileURLWithPath: #filePath)
        let root = here.deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let files = try PolicyCompiler.read(directory: root.appendingPathComponent("policies").path)
        return try PolicyCompiler.compile(files: files, catalog: catalog, previous: nil)
    }

    @Test("compiles without a warning")
    func compiles() throws {
        #expect(try shipped().warnings.map(\.text) == [])
    }

    @Test("permits what the demo needs, and nothing else")
    func permissions() throws {
        let decider = evaluator(try shipped().snapshot)
        let member = subject("alice")
        let guest = subject("eve", roles: [])
        let stranger = subject(nil)
        for action in ["message.send", "message.history", "echo", "friend.list", "user.profile"] {
            #expect(decider.refusal(of: action, member) == nil, "\(action)")
            #expect(decider.refusal(of: action, guest)?.rule == "default", "\(action)")
            #expect(decider.refusal(of: action, stranger)?.rule == "default", "\(action)")
        }
        for action in ["session.connect", "session.resume", "auth.refresh"] {
            #expect(decider.refusal(of: action, guest) == nil, "\(action)")
            #expect(decider.refusal(of: action, stranger)?.rule == "default", "\(action)")
        }
        #expect(decider.refusal(of: "auth.login", stranger, loginUser: "alice") == nil)
        for action in ["user.login", "user.presence", "unknown", "admin.call"] {
            #expect(decider.refusal(of: action, member)?.rule == "default", "\(action)")
        }
    }

    @Test("lets ten messages a user through at once, then one a second")
    func sendPerUser() throws {
        let decider = evaluator(try shipped().snapshot)
        let alice = subject("alice")
        #expect(decider.passes(12, of: "message.send", alice) == 10)
        let refusal = decider.refusal(of: "message.send", alice)
        #expect(refusal?.rule == "send-per-user")
        #expect(refusal?.retryAfterMilliseconds == 1_000)
        #expect(decider.passes(5, of: "message.send", alice, seconds: 2) == 2)
        #expect(decider.passes(12, of: "message.send", subject("bob")) == 10)
    }

    @Test("has room for a load test")
    func echoes() throws {
        let decider = evaluator(try shipped().snapshot)
        #expect(decider.passes(200_000, of: "echo", subject("alice")) == 200_000)
    }

    @Test("slows down who guesses the password of an account, and nobody else")
    func logins() throws {
        let decider = evaluator(try shipped().snapshot)
        let stranger = subject(nil)
        let passed = (0..<50).count { _ in
            decider.refusal(of: "auth.login", stranger, loginUser: "alice") == nil
        }
        #expect(passed == 20)
        #expect(
            decider.refusal(of: "auth.login", stranger, loginUser: "alice")?.rule
                == "logins-per-account")
        #expect(decider.refusal(of: "auth.login", stranger, loginUser: "bob") == nil)
        let elsewhere = PolicySubject(address: [198, 51, 100, 7])
        #expect(decider.refusal(of: "auth.login", elsewhere, loginUser: "alice") == nil)
    }
}
