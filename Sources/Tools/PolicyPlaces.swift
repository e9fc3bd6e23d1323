package import SluiceDocuments
import SluiceGateway
package import SluicePolicyTools
package import SluiceVocabulary

/// Where the policy commands find policies, and the actions these may speak of.
package struct PolicyPlaces: Sendable {
    /// Nil = look in the usual places.
    package var configurationPath: String?
    /// Replaces `policies` of the configuration.
    package var policiesPath: String?
    package var environment: [String: String]

    package init(
        configurationPath: String?, policiesPath: String? = nil, environment: [String: String]
    ) {
        self.configurationPath = configurationPath
        self.policiesPath = policiesPath
        self.environment = environment
    }

    /// What the configuration says of policies.
    package struct Found: Sendable {
        /// The directory of the policy files.
        package let directory: String
        /// Commands, routes and the gateway's own actions.
        package let catalog: ActionCatalog
        /// Which configuration it is: a path, or what stands for the built-in one.
        package let configuration: String
    }

    /// Reads the configuration.
    ///
    /// - Throws: every error in it.
    package func find() throws(DiagnosticList) -> Found {
        let loaded = try Configuration.loadWithWarnings(
            path: configurationPath, environment: environment)
        return Found(
            directory: policiesPath ?? loaded.configuration.policies,
            catalog: loaded.configuration.actions, configuration: loaded.source)
    }

    /// Runs a command there; without a configuration it ends with the errors of that.
    package func run(
        _ style: OutputStyle, _ command: (Found) throws -> ToolResult
    ) throws -> ToolResult {
        let found: Found
        do throws(DiagnosticList) {
            found = try find()
        } catch {
            return try style.wrong(error)
        }
        return try command(found)
    }
}
