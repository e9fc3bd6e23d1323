import ArgumentParser
import Glibc

/// The command line: arguments and exit codes, nothing else.
@main
struct SluiceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sluice",
        abstract: "An observable instant-messaging gateway.",
        discussion: """
            Exit codes: 0 ok, 1 failed, 64 bad usage or configuration.

            Examples:
              sluice demo                    gateway, services and users to play with
              sluice check                   is the configuration right?
              sluice reload --wait           put changed policies in force
            """,
        version: "0.1.0",
        subcommands: [
            RunCommand.self, DemoCommand.self, ServicesCommand.self, CheckCommand.self,
            ReloadCommand.self, PolicyCommand.self, TokenCommand.self,
        ])
}
