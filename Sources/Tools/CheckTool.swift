import SluiceDocuments
import SluiceGateway
import SluicePolicy
import SluicePolicyLanguage
package import SluicePolicyTools
import SluiceVocabulary

/// `sluice check`: everything `run` would refuse, without starting it.
package struct CheckTool: Sendable {
    /// Nil = look in the usual places.
    package var configurationPath: String?
    /// Replaces `policies` of the configuration.
    package var policiesPath: String?
    package var environment: [String: String]
    package var isJSON: Bool

    package init(
        configurationPath: String?, policiesPath: String?, environment: [String: String],
        isJSON: Bool
    ) {
        self.configurationPath = configurationPath
        self.policiesPath = policiesPath
        self.environment = environment
        self.isJSON = isJSON
    }

    /// What `--json` prints.
    private struct Report: Encodable {
        var ok = false
        var configuration: String?
        var policies: String?
        var name: String?
        var version: String?
        var revision: String?
        var rules: [String] = []
        var services = 0
        var commands = 0
        var diagnostics: [DiagnosticRecord] = []
    }

    /// Checks configuration, secrets and policies; all errors of all of them in one go.
    package func run() throws -> ToolResult {
        var report = Report()
        var found: [Diagnostic] = []
        var configuration: Configuration?
        do throws(DiagnosticList) {
            let loaded = try Configuration.loadWithWarnings(
                path: configurationPath, environment: environment)
            report.configuration = loaded.source
            report.services = loaded.configuration.services.count
            report.commands = loaded.configuration.commands.count
            found += loaded.warnings.diagnostics
            found += Self.checkSecrets(loaded.configuration)
            found += Self.checkTLS(loaded.configuration)
            found += Self.checkRegistries(loaded.configuration)
            configuration = loaded.configuration
        } catch {
            found += error.diagnostics
        }
        // Without commands the names of actions are unknown: policies would be refused for nothing.
        if let configuration {
            found += compile(policiesPath ?? configuration.policies, configuration, &report)
        }
        return try finish(report, found)
    }

    /// Checks the policies alone, against the commands of the configuration.
    ///
    /// - Parameter isTerminal: somebody reads it, so the rules are shown too.
    package func runPolicies(isTerminal: Bool = false) throws -> ToolResult {
        let style = OutputStyle(isJSON: isJSON, isTerminal: isTerminal)
        return try PolicyPlaces(
            configurationPath: configurationPath, policiesPath: policiesPath,
            environment: environment
        ).run(style) { place in
            try PolicyCheckTool(
                directory: place.directory, configuration: place.configuration, style: style
            ).run(catalog: place.catalog)
        }
    }

    /// An absent secret is a warning: configuration is often checked where the secrets are not.
    private static func checkSecrets(_ configuration: Configuration) -> [Diagnostic] {
        configuration.identity.keys.flatMap { key -> [Diagnostic] in
            do throws(DiagnosticList) {
                _ = try configuration.readKey(key)
                return [
                    configuration.secretWarning(of: key), configuration.privateKeyWarning(of: key),
                ].compactMap(\.self)
            } catch {
                guard !configuration.hasSecret(of: key) else { return error.diagnostics }
                return error.diagnostics.map { diagnostic in
                    var softened = diagnostic
                    softened.severity = .warning
                    softened.message += " (`run` needs it, `demo` does not)"
                    return softened
                }
            }
        }
    }

    /// Tokens and passwords for registries: an absent one is a warning, as an absent key is.
    private static func checkRegistries(_ configuration: Configuration) -> [Diagnostic] {
        do throws(DiagnosticList) {
            _ = try configuration.discoverySettings()
            return []
        } catch {
            return error.diagnostics.map { diagnostic in
                var softened = diagnostic
                softened.severity = .warning
                softened.message += " (`run` needs it)"
                return softened
            }
        }
    }

    /// Certificates, keys and authorities, read as at a start.
    private static func checkTLS(_ configuration: Configuration) -> [Diagnostic] {
        do throws(DiagnosticList) {
            return try TLSMaterial.read(configuration, now: SystemClocks.secondsSince1970).warnings
        } catch {
            return error.diagnostics
        }
    }

    private func compile(
        _ directory: String, _ configuration: Configuration, _ report: inout Report
    ) -> [Diagnostic] {
        report.policies = directory
        let catalog = configuration.actions
        do throws(DiagnosticList) {
            let files = try PolicyCompiler.read(directory: directory)
            let compiled = try PolicyCompiler.compile(
                files: files, catalog: catalog, previous: nil)
            report.name = compiled.snapshot.name
            report.version = compiled.snapshot.version
            report.revision = compiled.snapshot.revision
            report.rules = compiled.snapshot.ruleNames
            return compiled.warnings
        } catch {
            return error.diagnostics
        }
    }

    private func finish(_ report: Report, _ found: [Diagnostic]) throws -> ToolResult {
        let list = DiagnosticList(found)
        var report = report
        report.ok = !list.hasErrors
        report.diagnostics = found.map(DiagnosticRecord.init)
        let complaints = found.map(\.text)
        let code: Int32 = list.hasErrors ? 64 : 0
        if isJSON {
            return ToolResult(output: try jsonText(report), exitCode: code)
        }
        guard report.ok else {
            let count = list.errors.count
            let errors = count == 1 ? "1 error" : "\(count) errors"
            return ToolResult(
                complaints: complaints + ["sluice: \(errors); nothing was started or changed"],
                exitCode: code)
        }
        let lines = [
            "configuration ok: \(report.configuration ?? "") "
                + "(\(report.services) services, \(report.commands) commands)",
            "policies ok: \(report.policies ?? "") "
                + "(\(report.rules.count) rules, revision \((report.revision ?? "").prefix(12)))",
        ]
        return ToolResult(
            output: lines.joined(separator: "\n"), complaints: complaints)
    }
}
