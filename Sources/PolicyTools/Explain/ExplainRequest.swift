import SluiceDocuments
import SluicePolicy
import SluiceVocabulary

/// The call to explain, word for word as the command line has it.
package struct ExplainRequest: Sendable {
    package var action: String
    /// A file with a caller, written as a fixture of tests: YAML, and so JSON too.
    package var principalPath: String?
    package var user: String?
    package var roles: [String] = []
    /// `name=value`; a name given twice becomes a list.
    package var claims: [String] = []
    package var address: String?
    package var transport: String?
    package var session: String?
    package var device: String?
    package var platform: String?
    package var app: String?
    package var bytes: String?
    package var topic: String?
    package var loginUser: String?
    package var method: String?
    /// `name=value`.
    package var headers: [String] = []
    /// `2026-11-29T12:00:00Z`; nil = the time the command was given.
    package var now: String?
    /// The last of so many equal calls at one moment is explained.
    package var times = 1

    package init(action: String) { self.action = action }

    /// The call and the time; all errors go to the sink, each under the name of its option.
    func read(
        _ source: PolicySource, wall: WallTime, _ sink: DiagnosticSink
    ) -> (call: CallDescription, wall: WallTime) {
        let catalog = source.snapshot.catalog
        if catalog.action(named: action) == nil {
            sink.error(
                "there is no action `\(action)`", at: SourcePosition(file: "--action"),
                hint: catalog.hint(for: action))
        }
        var call = CallDescription(caller: readCaller(source, sink), action: action)
        call.bytes = Int(
            option("--bytes", bytes)?.byteCount(sink, in: 0...1_000_000_000_000) ?? 0)
        call.topic = topic
        call.loginUser = loginUser
        call.method = method
        for (name, values) in pairs(headers, "--header", sink) {
            call.headers[name.lowercased()] = values.last
        }
        if times < 1 || times > PolicyTestCalls.most {
            sink.error(
                "expected a whole number from 1 to \(PolicyTestCalls.most)",
                at: SourcePosition(file: "--times"))
        }
        return (call, option("--now", now)?.wallTime(sink) ?? wall)
    }

    private func readCaller(_ source: PolicySource, _ sink: DiagnosticSink) -> Caller {
        let reader = CallerReader(claimsUsed: source.snapshot.claimsUsed, sink: sink)
        var caller = Caller()
        if let principalPath, let text = PolicyTestFiles.readText(principalPath, sink),
            let value = Document.parse(text, file: principalPath, into: sink)
        {
            caller = reader.read(value, isUserNamed: user != nil) ?? caller
        }
        caller.user = user ?? caller.user
        if !roles.isEmpty { caller.roles = roles }
        for (name, values) in pairs(claims, "--claim", sink) {
            if ["sub", "roles"].contains(name) {
                sink.error(
                    "`\(name)` is no claim among others", at: SourcePosition(file: "--claim"),
                    hint: name == "sub" ? "give --user" : "give --role, once for each")
            }
            caller.claims[name] =
                values.count == 1
                ? .string(values[0]) : .array(values.map(ClaimValue.string))
        }
        // Of a file its reader has told already.
        if caller.user == nil, principalPath == nil, !roles.isEmpty || !claims.isEmpty {
            sink.error(
                "roles and claims without a user: nobody has them",
                at: SourcePosition(file: "--user"), hint: "give --user")
        }
        readConnection(reader, sink, into: &caller)
        return caller
    }

    /// The options of the connection have the names of a fixture's keys, and the same errors.
    private func readConnection(
        _ reader: CallerReader, _ sink: DiagnosticSink, into caller: inout Caller
    ) {
        let options = [
            ("address", address), ("transport", transport), ("session", session),
            ("device", device), ("platform", platform), ("app", app),
        ]
        let entries = options.compactMap { name, text -> DocumentEntry? in
            guard let value = option("--\(name)", text) else { return nil }
            return DocumentEntry(key: name, keyPosition: value.position, value: value)
        }
        let mapping = DocumentMapping(entries, at: SourcePosition(file: ""), sink: sink)
        reader.readConnection(mapping, into: &caller)
    }

    private func option(_ name: String, _ text: String?) -> DocumentValue? {
        text.map { .untyped($0, at: SourcePosition(file: name)) }
    }

    /// `name=value` pairs, values by name, sorted.
    private func pairs(
        _ texts: [String], _ option: String, _ sink: DiagnosticSink
    ) -> [(String, [String])] {
        var found: [String: [String]] = [:]
        for text in texts {
            guard let mark = text.firstIndex(of: "="), mark != text.startIndex else {
                sink.error(
                    "expected name=value, found `\(text)`", at: SourcePosition(file: option))
                continue
            }
            found[String(text[..<mark]), default: []].append(
                String(text[text.index(after: mark)...]))
        }
        return found.sorted { $0.key < $1.key }
    }
}
