import NIOCore
import NIOHTTP1
import SluiceFraming
import SluicePolicy
import SluiceTelemetry
import SluiceVocabulary

/// What is served where, and the login and refresh of tokens.
extension HTTPEntry {
    /// Decides by its head what a request is for. Until something here asks for the body, none is read.
    func route(_ head: HTTPRequestHead) {
        let path = head.uri.prefix { $0 != "?" }
        switch (head.method, path) {
        case (.GET, "/ws"): upgrade(head)
        case (.OPTIONS, _) where Self.isAPI(head.uri): preflight(head)
        case (.POST, _) where Self.isAPI(head.uri) && !allowsOrigin(head): refuseOrigin(.unknown)
        case (.POST, "/v1/login"): collectBody(head) { [unowned self] in login($0) }
        case (.POST, "/v1/refresh"): collectBody(head) { [unowned self] in refresh($0) }
        case (.POST, "/v1/logout"): collectBody(head) { [unowned self] in logOut($0) }
        case (.POST, _) where path.hasPrefix(Self.commandPrefix):
            let name = String(path.dropFirst(Self.commandPrefix.count))
            collectBody(head) { [unowned self] in command($0, named: name) }
        case (_, "/ws"), (_, "/v1/login"), (_, "/v1/refresh"), (_, "/v1/logout"):
            let refusal = Refusal(.badRequest, message: "Wrong method.")
            var answer = HTTPAnswer.problem(refusal, status: 405)
            answer.headers.append(("Allow", path == "/ws" ? "GET" : "POST"))
            self.answer(answer)
        case (.GET, _), (.HEAD, _):
            guard let page = edge.pages[String(path)] else { fallthrough }
            var answer = HTTPAnswer(status: 200, contentType: page.contentType, body: page.body)
            answer.headers.append(("Cache-Control", "no-cache"))
            self.answer(answer)
        default:
            if routed(head) { return }
            let refusal = Refusal(.commandNotFound, message: "Nothing is served at this path.")
            answer(.problem(refusal))
        }
    }

    private func login(_ head: HTTPRequestHead) {
        let started = edge.tick.now
        let bytesIn = body.count
        let request: LoginRequest
        do throws(EnvelopeError) {
            request = try body.withBytes { bytes throws(EnvelopeError) in
                try LoginRequest(from: bytes, codec: .json)
            }
        } catch {
            let refusal = Refusal(.badRequest, message: error.text)
            edge.accountHTTP(self, .authLogin, started, bytesIn, 0, refusal)
            return answer(.problem(refusal))
        }
        edge.logIn(request, subject: subject, at: .request(self)) { [self] result in
            respond(result, started, bytesIn)
        }
    }

    private func refresh(_ head: HTTPRequestHead) {
        let started = edge.tick.now
        let bytesIn = body.count
        edge.refreshToken(body, subject: subject, at: .request(self)) { [self] result in
            respond(result, started, bytesIn, action: .authRefresh)
        }
    }

    private func respond(
        _ result: Result<LoginReply, Denial>, _ started: MonotonicTime, _ bytesIn: Int,
        action: ActionID = .authLogin
    ) {
        switch result {
        case .success(let reply):
            let bytes = reply.encoded(codec: .json)
            edge.accountHTTP(self, action, started, bytesIn, bytes.count, nil, user: reply.userID)
            var answer = HTTPAnswer.json(200, bytes)
            answer.headers.append(("Cache-Control", "no-store"))
            self.answer(answer)
        case .failure(let denial):
            edge.accountHTTP(self, action, started, bytesIn, 0, denial.refusal)
            deny(denial.refusal, closes: denial.closes)
        }
    }
}
