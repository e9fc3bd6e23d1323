import SluiceDocuments
import SluicePolicy
package import SluiceVocabulary

/// `sluice policy check`: everything that is wrong or doubtful with the policies, and what they say.
package struct PolicyCheckTool: Sendable {
    package var directory: String
    package var style: OutputStyle
    /// Where the names of actions come from, as `--json` tells it.
    package var configuration: String

    package init(directory: String, configuration: String, style: OutputStyle) {
        self.directory = directory
        self.configuration = configuration
        self.style = style
    }

    /// Compiles the set; exit code 64 when it has errors. Warnings change no exit code.
    package func run(catalog: ActionCatalog) throws -> ToolResult {
        let source: PolicySource
        do throws(DiagnosticList) {
            source = try PolicySource(directory: directory, catalog: catalog)
        } catch {
            return try refused(error)
        }
        if style.isJSON {
            let record = PolicyCheckRecord(source, configuration: configuration)
            return ToolResult(output: try jsonText(record))
        }
        let limits = counted(source.model.limits.count, "limit")
        let permissions = counted(source.model.permissions.count, "permission")
        var lines = [
            "policies ok: \(directory) (\(limits), \(permissions), "
                + "revision \(source.snapshot.revision.prefix(12)))"
        ]
        // A program that reads the output asks for --json; a person wants to see the rules.
        if style.isTerminal { lines += PolicyRuleTables.lines(source.model) }
        return ToolResult(
            output: lines.joined(separator: "\n"), complaints: source.warnings.map(\.text))
    }

    private func refused(_ found: DiagnosticList) throws -> ToolResult {
        if style.isJSON {
            let record = PolicyCheckRecord(
                wrong: found, directory: directory, configuration: configuration)
            return ToolResult(output: try jsonText(record), exitCode: 64)
        }
        let errors = counted(found.errors.count, "error")
        return ToolResult(
            complaints: found.diagnostics.map(\.text)
                + ["sluice: \(errors); nothing was started or changed"],
            exitCode: 64)
    }
}
