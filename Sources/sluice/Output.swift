import ArgumentParser
import Foundation
import SluicePolicyTools

extension ToolResult {
    /// Prints what there is to say and ends the command with its exit code.
    func finish() throws {
        if !complaints.isEmpty {
            FileHandle.standardError.write(Data((complaints.joined(separator: "\n") + "\n").utf8))
        }
        if !output.isEmpty { print(output) }
        if exitCode != 0 { throw ExitCode(exitCode) }
    }
}

/// The process's environment.
var processEnvironment: [String: String] { ProcessInfo.processInfo.environment }
