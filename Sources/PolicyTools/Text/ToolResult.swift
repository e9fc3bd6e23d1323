import Foundation
package import SluiceDocuments

/// What a command has to say: text for standard output, lines for standard error, an exit code.
package struct ToolResult: Sendable, Equatable {
    /// For standard output; empty = print nothing.
    package var output: String
    /// For standard error, one line each.
    package var complaints: [String]
    /// 0 ok, 1 failed, 64 bad usage or configuration.
    package var exitCode: Int32

    package init(output: String = "", complaints: [String] = [], exitCode: Int32 = 0) {
        self.output = output
        self.complaints = complaints
        self.exitCode = exitCode
    }

    /// Something went wrong that is not the user's text: exit code 1.
    package static func failed(_ complaint: String) -> Self {
        Self(complaints: ["sluice: " + complaint], exitCode: 1)
    }

    /// The command line asks for what cannot be: exit code 64.
    package static func usage(_ complaint: String) -> Self {
        Self(complaints: ["sluice: " + complaint], exitCode: 64)
    }

    /// Wrong configuration or policy: exit code 64.
    package static func wrong(_ list: DiagnosticList) -> Self {
        Self(complaints: list.diagnostics.map(\.text), exitCode: 64)
    }
}

/// One JSON document, keys sorted, for `--json`.
package func jsonText(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
}
