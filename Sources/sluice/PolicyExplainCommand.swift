import ArgumentParser
import SluicePolicyTools
import SluiceTools

struct PolicyExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Show what the policies say to a call, and why.",
        discussion: """
            Every rule that was looked at, every condition with the value found,
            every limit with its key and level, then the verdict. Spends nothing.

            Examples:
              sluice policy explain --action message.send --user alice --role member
              sluice policy explain --action message.send --user alice --times 11
              sluice policy explain --action auth.login --login-user bob
              sluice policy explain --action http.media --principal alice.json --method PUT
              sluice policy explain --from-journal 0000000000000001-3 --namespace sluice
            """)

    @Option(
        help: ArgumentHelp("The action: a command, `http.` and a route, or the gateway's own."))
    var action: String?

    @Option(
        help: ArgumentHelp(
            "Explain a request of the past by its SLUICE_REQUEST_ID, in place of one that is described.",
            valueName: "request"))
    var fromJournal: String?

    @Option(
        help: ArgumentHelp(
            "With --from-journal: explain it under the policies of this directory too.",
            valueName: "directory"))
    var was: String?

    @Option(
        help: ArgumentHelp(
            "The directory of the policy files; default: `policies` of the configuration.",
            valueName: "directory"))
    var policies: String?

    @Option(
        help: ArgumentHelp(
            "YAML or JSON that says who calls, like a fixture of tests: sub, roles, claims, address, …",
            valueName: "file"))
    var principal: String?

    @Option(help: ArgumentHelp("The user id (`sub`).", valueName: "id"))
    var user: String?

    @Option(help: ArgumentHelp("A role; once for each.", valueName: "name"))
    var role: [String] = []

    @Option(
        help: ArgumentHelp(
            "Another claim; once for each. A name given twice becomes a list.",
            valueName: "name=value"))
    var claim: [String] = []

    @OptionGroup(title: "The connection") var connection: ExplainConnectionOptions
    @OptionGroup(title: "The call") var call: ExplainCallOptions
    @OptionGroup(title: "The journal") var journal: JournalOptions
    @OptionGroup var options: PolicyOptions

    func validate() throws {
        guard (action == nil) != (fromJournal == nil) else {
            throw ValidationError("give --action, or --from-journal with a request's id")
        }
    }

    func run() async throws {
        let style = options.style
        if let fromJournal { return try explain(fromJournal, style) }
        guard let action else { return }
        var request = ExplainRequest(action: action)
        request.principalPath = principal
        request.user = user
        request.roles = role
        request.claims = claim
        connection.fill(&request)
        call.fill(&request)
        let finished = request
        try options.places(policies).run(style) { place in
            try PolicyExplainTool(directory: place.directory, request: finished, style: style)
                .run(catalog: place.catalog, now: TokenCommand.now)
        }.finish()
    }

    private func explain(_ id: String, _ style: OutputStyle) throws {
        try options.places(policies).run(style) { place in
            try PolicyExplainEntryTool(
                directory: place.directory, was: was, requestID: id, source: journal.source,
                style: style
            ).run(catalog: place.catalog)
        }.finish()
    }
}

/// What `explain` is told of the connection.
struct ExplainConnectionOptions: ParsableArguments {
    @Option(help: "The client's address; default: 192.0.2.1.")
    var address: String?

    @Option(
        help: ArgumentHelp("websocket, tcp or http; default: what suits.", valueName: "name"))
    var transport: String?

    @Option(help: ArgumentHelp("The session, by any name.", valueName: "name"))
    var session: String?

    @Option(help: ArgumentHelp("The client's own id of its device.", valueName: "id"))
    var device: String?

    @Option(help: ArgumentHelp("What the client runs on.", valueName: "name"))
    var platform: String?

    @Option(help: ArgumentHelp("Name and version of the client's program.", valueName: "text"))
    var app: String?

    func fill(_ request: inout ExplainRequest) {
        request.address = address
        request.transport = transport
        request.session = session
        request.device = device
        request.platform = platform
        request.app = app
    }
}

/// What `explain` is told of the call.
struct ExplainCallOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Size of the message, like 512 or 64KiB.", valueName: "bytes"))
    var bytes: String?

    @Option(help: ArgumentHelp("Topic of the message.", valueName: "text"))
    var topic: String?

    @Option(help: ArgumentHelp("The account a login names.", valueName: "name"))
    var loginUser: String?

    @Option(help: ArgumentHelp("Method of an HTTP request.", valueName: "name"))
    var method: String?

    @Option(
        help: ArgumentHelp(
            "A header field of an HTTP request; once for each.", valueName: "name=value"))
    var header: [String] = []

    @Option(
        help: ArgumentHelp(
            "Wall time of the call, like 2026-11-29T12:00:00Z; default: now.", valueName: "time"))
    var now: String?

    @Option(
        help: ArgumentHelp(
            "Explain the last of so many equal calls at one moment.", valueName: "count"))
    var times = 1

    func fill(_ request: inout ExplainRequest) {
        request.bytes = bytes
        request.topic = topic
        request.loginUser = loginUser
        request.method = method
        request.headers = header
        request.now = now
        request.times = times
    }
}
