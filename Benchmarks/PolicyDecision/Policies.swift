import SluicePolicy
import SluicePolicyLanguage
import SluiceVocabulary

/// A policy of about `rules` rules over commands `command-0` and up: three limits and a permission
/// for each command, as the language reads it.
struct LargePolicy {
    let files: [(name: String, text: String)]
    let catalog: ActionCatalog
    /// One command in the middle.
    let action: ActionID

    /// - Parameter limit: of every rule; another number makes every rule a changed one.
    init(rules: Int, limit: Int = 1_000_000_000) {
        let names = (0..<max(1, rules / 4)).map { "command-\($0)" }
        files = stride(from: 0, to: names.count, by: 500).map { start in
            let part = names[start..<min(start + 500, names.count)]
            return ("policy-\(start).yaml", Self.file(part, isFirst: start == 0, limit: limit))
        }
        catalog = ActionCatalog(commands: names)
        action = catalog.action(named: names[names.count / 2]) ?? .unknown
    }

    private static func file(_ names: ArraySlice<String>, isFirst: Bool, limit: Int) -> String {
        var limits = ""
        var permissions = ""
        for name in names {
            for key in ["user", "peer", "device"] {
                limits +=
                    "  - {name: \(name)-per-\(key), match: {action: [\(name)]}, key: [\(key)], "
                limits += "algorithm: token_bucket, limit: \(limit), per: 1s, max_keys: 10000000}\n"
            }
            permissions +=
                "    - {name: may-\(name), effect: permit, principal: {roles: [member]}, "
            permissions += "action: [\(name)]}\n"
        }
        let descriptors =
            "descriptors: {user: token.sub, peer: connection.address, device: session.device}\n"
        return "apiVersion: sluice/v1\nkind: PolicySet\n" + (isFirst ? descriptors : "")
            + "rate_limits:\n\(limits)permissions:\n  rules:\n\(permissions)"
    }

    func compile(previous: PolicySnapshot? = nil) throws -> PolicySnapshot {
        try PolicyCompiler.compile(files: files, catalog: catalog, previous: previous).snapshot
    }

    var call: PolicyCall {
        PolicyCall(action: action, bytes: 128, transport: .websocket, wall: noon)
    }
}
