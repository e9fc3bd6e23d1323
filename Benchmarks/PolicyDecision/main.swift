// Measures one policy decision, permission and three limits, in nanoseconds: hot (one connection,
// one action, again and again) and cold (every decision takes another connection with keys of its
// own). The best of several rounds is what the code costs; the rest is the machine's other work.
import SluiceDocuments
import SluicePolicy
import SluicePolicyLanguage
import SluiceVocabulary

/// A policy of about `rules` rules over commands `command-0` and up: three limits and a permission
/// for each command, as the language reads it.
func policyFiles(rules: Int) -> (files: [(name: String, text: String)], catalog: ActionCatalog) {
    let commands = max(1, rules / 4)
    let names = (0..<commands).map { "command-\($0)" }
    var files: [(name: String, text: String)] = []
    for start in stride(from: 0, to: commands, by: 500) {
        var limits = ""
        var permissions = ""
        for name in names[start..<min(start + 500, commands)] {
            for key in ["user", "peer", "device"] {
                limits +=
                    "  - {name: \(name)-per-\(key), match: {action: [\(name)]}, key: [\(key)], "
                limits += "algorithm: token_bucket, limit: 1000000000, per: 1s}\n"
            }
            permissions +=
                "    - {name: may-\(name), effect: permit, principal: {roles: [member]}, "
            permissions += "action: [\(name)]}\n"
        }
        var text = "apiVersion: sluice/v1\nkind: PolicySet\n"
        if start == 0 {
            text +=
                "descriptors: {user: token.sub, peer: connection.address, device: session.device}\n"
        }
        text += "rate_limits:\n\(limits)permissions:\n  rules:\n\(permissions)"
        files.append(("policy-\(start).yaml", text))
    }
    return (files, ActionCatalog(commands: names))
}

func connection(_ index: Int) -> PolicySubject {
    let principal = Principal(
        user: "user-\(index)", roles: ["member"], claims: [:], expiresAtSeconds: nil, tokenID: nil)
    let address: [UInt8] = [
        10, UInt8(index >> 16 & 255), UInt8(index >> 8 & 255), UInt8(index & 255),
    ]
    return PolicySubject(address: address, principal: principal, device: "device-\(index)")
}

func nanoseconds(_ duration: Duration) -> Double {
    let (seconds, attoseconds) = duration.components
    return Double(seconds) * 1e9 + Double(attoseconds) / 1e9
}

/// Best of several rounds.
func best(of rounds: Int, decisions: Int, _ body: () -> Int) -> String {
    var best = Double.infinity
    for _ in 0..<rounds {
        var refused = 0
        let duration = ContinuousClock().measure { refused = body() }
        precondition(refused == 0, "the loop is meant to measure calls that pass")
        best = min(best, nanoseconds(duration) / Double(decisions))
    }
    let tenths = Int((best * 10).rounded())
    return "\(tenths / 10).\(tenths % 10) ns"
}

func measure(rules: Int, connections: Int) throws {
    let (files, catalog) = policyFiles(rules: rules)
    let clock = ContinuousClock()
    let compileStart = clock.now
    let policy = try PolicyCompiler.compile(files: files, catalog: catalog, previous: nil).snapshot
    let compileMilliseconds = Int(nanoseconds(clock.now - compileStart) / 1e6)
    let evaluator = PolicyEvaluator(
        snapshot: policy,
        meters: PolicyMeters(permission: { _, _ in Counter() }, limit: { _, _ in Counter() }))
    guard let action = catalog.action(named: "command-\(max(1, rules / 4) / 2)") else { return }
    let call = PolicyCall(action: action, bytes: 128, transport: .websocket)
    var now: Int64 = 1_000_000_000
    let one = connection(0)
    let hot = best(of: 20, decisions: 500_000) {
        var refused = 0
        for _ in 0..<500_000 {
            now += 200
            let verdict = evaluator.decide(call, for: one, now: MonotonicTime(nanoseconds: now))
            if case .refuse = verdict { refused += 1 }
        }
        return refused
    }
    let many = (0..<connections).map(connection)
    // A stride that is no divisor visits all of them in an order no prefetcher guesses.
    let stride = 7_919
    let pass = {
        var refused = 0
        var index = 0
        for _ in 0..<connections {
            now += 200
            index = (index + stride) % connections
            let verdict = evaluator.decide(
                call, for: many[index], now: MonotonicTime(nanoseconds: now))
            if case .refuse = verdict { refused += 1 }
        }
        return refused
    }
    let first = best(of: 1, decisions: connections, pass)
    let cold = best(of: 5, decisions: connections, pass)
    print(
        "rules \(rules): hot \(hot), cold \(cold) over \(connections) connections",
        "(first sight of each \(first); compiled in \(compileMilliseconds) ms)")
}

do {
    let connections = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 200_000
    for rules in [10, 1_000, 10_000] { try measure(rules: rules, connections: connections) }
} catch let found as DiagnosticList {
    print(found.text)
}
