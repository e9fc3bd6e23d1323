import Glibc
import NIOCore
import NIOPosix
import ServiceLifecycle
import SluiceDemoServices
import SluiceDocuments
import SluiceTelemetry
import SluiceVocabulary
import UnixSignals

/// The commands that start a gateway. Each returns the process's exit code: 0 ok, 1 failed, 64 bad
/// usage or configuration.
package enum GatewayMain {
    /// What the command line says.
    package struct Options: Sendable {
        /// Nil = look in the usual places.
        package var configurationPath: String?
        /// Replaces `policies` of the configuration.
        package var policiesPath: String?
        /// Runs with embedded services and keys made up for this run.
        package var isDemo: Bool
        /// Replaces `admin.token_file` of the configuration.
        package var adminTokenPath: String?

        package init(
            configurationPath: String? = nil, policiesPath: String? = nil, isDemo: Bool = false,
            adminTokenPath: String? = nil
        ) {
            self.adminTokenPath = adminTokenPath
            self.configurationPath = configurationPath
            self.policiesPath = policiesPath
            self.isDemo = isDemo
        }
    }

    /// `sluice run` and `sluice demo`.
    package static func run(_ options: Options) async -> Int32 {
        let configuration: Configuration
        let warnings: DiagnosticList
        do throws(DiagnosticList) {
            (configuration, warnings) = try load(options)
        } catch {
            ThisProcess.complain(error.text)
            return 64
        }
        if !warnings.text.isEmpty { ThisProcess.complain(warnings.text) }
        if !options.isDemo {
            for warning in configuration.keyWarnings { ThisProcess.complain(warning.text) }
        }
        // A client that goes away while we write to it must not end the process.
        signal(SIGPIPE, SIG_IGN)
        ThisProcess.forbidCoreFiles()
        // Before anything else: a signal that comes during the start is kept until it can be served.
        let signals = await Signals()
        do {
            let startup = Startup(options: options, configuration: configuration)
            let process = try await startup.start()
            return await process.run(signals)
        } catch let error as DiagnosticList {
            ThisProcess.complain(error.text)
            return 64
        } catch let error as StartupError {
            ThisProcess.complain("sluice: \(error.text)")
            return 1
        } catch {
            ThisProcess.complain("sluice: cannot start: \(error)")
            return 1
        }
    }

    static func load(
        _ options: Options
    ) throws(DiagnosticList) -> (Configuration, DiagnosticList) {
        let loaded = try Configuration.loadWithWarnings(
            path: options.configurationPath, environment: ThisProcess.environment)
        var configuration = loaded.configuration
        if let policies = options.policiesPath { configuration.policies = policies }
        if let path = options.adminTokenPath { configuration.admin.tokenFile = path }
        return (configuration, loaded.warnings)
    }

    /// `sluice services`: the demo services alone, for tests and load.
    package static func services(host: String, port: Int) async -> Int32 {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let services = DemoServices(group: group)
        do {
            let bound = try await services.start(host: host, port: port)
            ThisProcess.complain("sluice: demo services listen on \(host):\(bound)")
        } catch {
            ThisProcess.complain("sluice: cannot listen on \(host):\(port): \(error)")
            return 1
        }
        for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) { break }
        await services.stop()
        try? await group.shutdownGracefully()
        return 0
    }
}

/// Why the gateway did not start although its configuration is right.
struct StartupError: Error {
    let text: String
}
