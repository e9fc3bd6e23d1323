import Foundation
package import SluiceDocuments

extension Configuration {
    /// What a look at the configuration found.
    package struct Loaded: Sendable {
        package var configuration: Configuration
        /// The file read, or `built-in defaults`.
        package var source: String
        /// Things that work but are hardly meant. Never errors.
        package var warnings: DiagnosticList
    }

    /// Where a configuration is looked for when nobody names one.
    package static let defaultPaths = ["Config/sluice.yaml", "/etc/sluice/sluice.yaml"]

    /// Finds, reads and checks the configuration.
    ///
    /// - Parameters:
    ///   - path: the file to read; nil = the first of `defaultPaths` that exists, else built in.
    ///   - environment: variables of the process; those named `SLUICE_…` override keys.
    /// - Throws: every error found, each at file:line:column or at its variable.
    package static func load(
        path: String?, environment: [String: String]
    ) throws(DiagnosticList) -> (Configuration, source: String) {
        let loaded = try loadWithWarnings(path: path, environment: environment)
        return (loaded.configuration, loaded.source)
    }

    /// As `load`, with what is doubtful but no error.
    ///
    /// - Parameter candidates: paths tried in turn when `path` is nil.
    package static func loadWithWarnings(
        path: String?, environment: [String: String], candidates: [String] = defaultPaths
    ) throws(DiagnosticList) -> Loaded {
        let found = path ?? candidates.first { FileManager.default.fileExists(atPath: $0) }
        guard let found else {
            return try decode(text: builtInText, file: builtInSource, environment: environment)
        }
        let bytes = try read(found)
        return try decode(bytes: bytes, file: found, environment: environment)
    }

    /// Checks a text as if it stood in `file`.
    package static func decode(
        text: String, file: String, environment: [String: String]
    ) throws(DiagnosticList) -> Loaded {
        try decode(bytes: Array(text.utf8), file: file, environment: environment)
    }

    private static func decode(
        bytes: [UInt8], file: String, environment: [String: String]
    ) throws(DiagnosticList) -> Loaded {
        let sink = DiagnosticSink()
        guard let document = Document.parse(bytes, file: file, into: sink) else { throw sink.list }
        let overlay = ConfigurationEnvironment(environment, sink: sink)
        let root = overlay.applied(to: document)
        let configuration = ConfigurationDecoder(sink: sink).decode(root)
        guard var configuration, !sink.hasErrors else { throw sink.list }
        configuration.credentialsDirectory = environment["CREDENTIALS_DIRECTORY"]
        return Loaded(configuration: configuration, source: file, warnings: sink.list)
    }

    private static func read(_ path: String) throws(DiagnosticList) -> [UInt8] {
        let problem: String
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        if attributes?[.type] as? FileAttributeType == .typeDirectory {
            problem = "this is a directory, not a file"
        } else if let data = FileManager.default.contents(atPath: path) {
            return Array(data)
        } else if FileManager.default.fileExists(atPath: path) {
            problem = "the file cannot be read"
        } else {
            problem = "there is no such file"
        }
        throw DiagnosticList([
            Diagnostic(
                severity: .error, position: SourcePosition(file: path), message: problem,
                hint: "check the path given with --config and its permissions")
        ])
    }
}
