import SluiceDocuments
import SluicePolicy
package import SluiceVocabulary

/// `sluice policy explain`: what the policy would say to one call, and every reason for it.
package struct PolicyExplainTool: Sendable {
    package var directory: String
    package var request: ExplainRequest
    package var style: OutputStyle

    package init(directory: String, request: ExplainRequest, style: OutputStyle) {
        self.directory = directory
        self.request = request
        self.style = style
    }

    /// Explains the call. The exit code is 0 whatever the verdict: it says that the question was
    /// answered.
    ///
    /// - Parameter now: wall time unless the request names one.
    package func run(catalog: ActionCatalog, now: WallTime) throws -> ToolResult {
        let source: PolicySource
        do throws(DiagnosticList) {
            source = try PolicySource(directory: directory, catalog: catalog)
        } catch {
            return try style.wrong(error)
        }
        let sink = DiagnosticSink()
        let (call, wall) = request.read(source, wall: now, sink)
        let found = sink.list
        if found.hasErrors { return try style.wrong(found) }
        let simulation = PolicySimulation(source.fresh(), start: wall, meters: .discarding)
        for _ in 1..<request.times {
            // Calls that came before are still under way: nothing is over at the same moment.
            _ = simulation.decide(call, holdNanoseconds: 1)
        }
        let trace = simulation.explain(call)
        if style.isJSON {
            let record = ExplainRecord(source, call, wall: wall, times: request.times, trace)
            return ToolResult(output: try jsonText(record))
        }
        let lines =
            head(source, call, wall)
            + TraceText(trace, permitsByDefault: source.model.permitsByDefault).lines
        return ToolResult(
            output: lines.joined(separator: "\n"), complaints: found.diagnostics.map(\.text))
    }

    private func head(
        _ source: PolicySource, _ call: CallDescription, _ wall: WallTime
    ) -> [String] {
        let number = request.times > 1 ? ", call \(request.times) of \(request.times)" : ""
        return [
            "policy: \(source.title)",
            "call: \(call.text)\(number)",
            "caller: \(call.caller.text)",
            "time: \(wall.text)",
        ]
    }
}

extension CallDescription {
    /// `message.send over websocket, 100 bytes, topic room.1`.
    var text: String {
        var parts = ["\(action) over \(transport.name)", counted(bytes, "byte")]
        for (name, value) in [("topic", topic), ("login_user", loginUser), ("method", method)] {
            if let value { parts.append("\(name) \(Condition.constant(value))") }
        }
        for (name, value) in headers.sorted(by: { $0.key < $1.key }) {
            parts.append("\(name): \(Condition.constant(value))")
        }
        return parts.joined(separator: ", ")
    }
}

extension Caller {
    /// `alice, roles [member], plan free, from 192.0.2.1`.
    var text: String {
        var parts = [user.map(Condition.constant) ?? "not authenticated"]
        if !roles.isEmpty { parts.append("roles " + LimitRow.list(roles)) }
        for (name, value) in claims.sorted(by: { $0.key < $1.key }) {
            parts.append("\(name) \(value.text)")
        }
        parts.append("from \(address.text)")
        for (name, value) in [
            ("device", device.id), ("platform", device.platform), ("app", device.app),
        ] where !value.isEmpty {
            parts.append("\(name) \(Condition.constant(value))")
        }
        return parts.joined(separator: ", ")
    }
}

extension ClaimValue {
    /// As YAML on one line.
    var text: String {
        switch self {
        case .null: "null"
        case .bool, .integer, .number: scalarText ?? ""
        case .string(let text): Condition.constant(text)
        case .array(let values): "[\(values.map(\.text).joined(separator: ", "))]"
        case .object(let members):
            "{"
                + members.sorted { $0.key < $1.key }.map {
                    "\(Condition.constant($0.key)): \($0.value.text)"
                }.joined(separator: ", ") + "}"
        }
    }
}
