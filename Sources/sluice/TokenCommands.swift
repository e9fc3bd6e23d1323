import ArgumentParser
import Foundation
import SluiceTools
import SluiceVocabulary

struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Make tokens and look at them.",
        discussion: """
            Example:
              sluice token issue --user alice --role member | sluice token inspect
            """,
        subcommands: [TokenIssueCommand.self, TokenInspectCommand.self])

    static var now: WallTime {
        WallTime(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
    }
}

struct TokenIssueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "issue", abstract: "Make a token with a key of the configuration.",
        discussion: """
            Prints the token alone; --json also prints the refresh token. A running
            `sluice demo` has keys of its own and takes none of these: log in there.

            Example:
              sluice token issue --user alice --role member --claim plan=pro --ttl 1h
            """)

    @Option(help: ArgumentHelp("The user id (`sub`).", valueName: "id"))
    var user: String

    @Option(help: ArgumentHelp("A role; once for each.", valueName: "name"))
    var role: [String] = []

    @Option(
        help: ArgumentHelp(
            "Another claim; once for each. A name given twice becomes a list.",
            valueName: "name=value"))
    var claim: [String] = []

    @Option(
        help: ArgumentHelp(
            "How long the token is good, like 15m; default: `identity.issue.ttl`.",
            valueName: "duration"))
    var ttl: String?

    @Option(
        help: ArgumentHelp("The key that signs; default: `identity.issue.key`.", valueName: "kid"))
    var key: String?

    @Option(help: ArgumentHelp("The configuration file that names the keys.", valueName: "file"))
    var config: String?

    @OptionGroup var format: FormatOptions

    func run() async throws {
        try await TokenIssueTool(
            configurationPath: config, environment: processEnvironment, user: user, roles: role,
            claims: claim, ttl: ttl, key: key, isJSON: format.json
        ).run(now: TokenCommand.now).finish()
    }
}

struct TokenInspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Print what a token says. Verifies nothing.",
        discussion: """
            Without an argument the token is read from standard input, where no list
            of processes shows it.

            Example:
              echo "$TOKEN" | sluice token inspect
            """)

    @Argument(help: "The token; default: standard input.")
    var token: String?

    @OptionGroup var format: FormatOptions

    func run() async throws {
        let text = token ?? readLine(strippingNewline: true) ?? ""
        try TokenInspectTool(isJSON: format.json).run(token: text, now: TokenCommand.now).finish()
    }
}
