import SluiceIdentity
import SluiceVocabulary
import Testing

@Suite("Revocations, users and session ids")
struct StandingTests {
    private func principal(
        _ user: String = "alice", id: String? = nil, issuedAt: Int64? = nil, hash: UInt8? = nil
    ) -> Principal {
        Principal(
            user: user, roles: [], claims: [:], expiresAtSeconds: nil, tokenID: id,
            issuedAtSeconds: issuedAt,
            tokenHash: hash.map { TokenHash([UInt8](repeating: $0, count: 32)) })
    }

    private func time(_ milliseconds: Int64) -> MonotonicTime {
        MonotonicTime(nanoseconds: milliseconds * 1_000_000)
    }

    @Test("a revocation covers what it names and nothing else")
    func coverage() {
        let now = Forge.time(1_000)
        var list = RevocationList(capacity: 10)
        func insert(_ revocation: Revocation, until: Int64) -> Bool {
            list.insert(revocation, untilSeconds: until, now: now)
        }
        let hash = TokenHash(hexadecimal: String(repeating: "07", count: 32))
        #expect(!list.covers(principal(id: "a", issuedAt: 1, hash: 7)))
        #expect(insert(.tokenID("a"), until: 2_000))
        #expect(list.covers(principal(id: "a")))
        #expect(!list.covers(principal(id: "b")))
        if let hash { #expect(insert(.token(hash), until: 2_000)) }
        #expect(list.covers(principal(hash: 7)))
        #expect(!list.covers(principal(hash: 8)))
        let user = Revocation.user("bob", issuedBeforeSeconds: 500)
        #expect(insert(user, until: 2_000))
        #expect(list.covers(principal("bob", issuedAt: 499)))
        #expect(!list.covers(principal("bob", issuedAt: 500)))
        #expect(list.covers(principal("bob")))
        #expect(!list.covers(principal("carol", issuedAt: 1)))
    }

    @Test("a full list makes room by dropping what no longer matters, and else refuses")
    func bounds() {
        var list = RevocationList(capacity: 2)
        func insert(_ id: String, until: Int64, now: Int64) -> Bool {
            list.insert(.tokenID(id), untilSeconds: until, now: Forge.time(now))
        }
        #expect(insert("a", until: 100, now: 1))
        #expect(insert("b", until: 200, now: 1))
        #expect(!insert("c", until: 300, now: 1))
        #expect(insert("c", until: 300, now: 100))
        #expect(!list.covers(principal(id: "a")))
        #expect(list.covers(principal(id: "b")))
    }

    @Test("a hash is 64 hexadecimal digits and nothing else")
    func hashes() {
        let zero = TokenHash([UInt8](repeating: 0, count: 32))
        #expect(TokenHash(hexadecimal: String(repeating: "0", count: 64)) == zero)
        for text in ["", "0", String(repeating: "0", count: 63), String(repeating: "g", count: 64)]
        {
            #expect(TokenHash(hexadecimal: text) == nil)
        }
    }

    private let rules = UserCheckRules(
        command: "user.check", ttlMilliseconds: 1_000, negativeTTLMilliseconds: 100,
        staleTTLMilliseconds: 5_000)

    @Test("a yes is good for its time, is asked again once before its end, and serves stale")
    func users() {
        var users = UserChecks(capacity: 10)
        func look(at milliseconds: Int64) -> UserChecks.Answer {
            users.look("a", rules, now: time(milliseconds))
        }
        func serves(at milliseconds: Int64) -> Bool {
            users.serveStale("a", rules, now: time(milliseconds))
        }
        #expect(look(at: 0) == .unknown)
        users.note("a", exists: true, rules, now: time(0))
        #expect(look(at: 749) == .exists(isDue: false))
        #expect(look(at: 750) == .exists(isDue: true))
        #expect(look(at: 751) == .exists(isDue: false))
        #expect(look(at: 1_000) == .unknown)
        #expect(serves(at: 1_000))
        #expect(look(at: 1_999) == .existsStale)
        #expect(look(at: 2_000) == .unknown)
        #expect(!serves(at: 5_000))
        users.forget("a")
        #expect(!serves(at: 1_000))
    }

    @Test("a no is good for its own time and never serves stale")
    func goneUsers() {
        var users = UserChecks(capacity: 10)
        func look(at milliseconds: Int64) -> UserChecks.Answer {
            users.look("a", rules, now: time(milliseconds))
        }
        func serves(at milliseconds: Int64) -> Bool {
            users.serveStale("a", rules, now: time(milliseconds))
        }
        users.note("a", exists: false, rules, now: time(0))
        #expect(look(at: 99) == .gone)
        #expect(look(at: 100) == .unknown)
        #expect(!serves(at: 100))
    }

    @Test("a refresh token is used once")
    func usedTokens() {
        var used = UsedTokens(capacity: 10)
        func use(_ id: String) -> Bool { used.use(id) }
        #expect(use("a"))
        #expect(!use("a"))
        #expect(use("b"))
    }

    @Test("fewer than two dots make a token opaque")
    func opaque() {
        for (text, isOpaque) in [("", false), ("sid", true), ("a.b", true), ("a.b.c", false)] {
            #expect(OpaqueTokens.isOpaque(Array(text.utf8)) == isOpaque)
        }
    }
}
