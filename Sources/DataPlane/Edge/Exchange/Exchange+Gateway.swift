import NIOCore
import SluiceFraming
import SluiceIdentity
import SluicePolicy
import SluiceTelemetry
import SluiceVocabulary

/// Commands 1-99: what a client says to the gateway itself.
extension EdgeLoop {
    /// Takes a message of the gateway's own commands. Until authenticated only `auth`, `login` and
    /// `ping` are taken.
    func receiveOwn(_ request: ClientRequest, _ bytes: RawSpan, from client: ClientConnection) {
        var request = request
        let payload = bytes.extracting(request.view.payload.range)
        switch GatewayCommand(rawValue: request.view.cmd) {
        case .auth:
            request.action = .sessionConnect
            authenticate(request, payload, client)
        case .login:
            request.action = .authLogin
            login(request, payload, client)
        case .ping: reply(client, request, payload: [], isLogged: false)
        case .ack where client.phase == .open: break
        case .refresh where client.phase == .open:
            request.action = .authRefresh
            refresh(request, payload, client)
        case .logout where client.phase == .open:
            request.action = .authRefresh
            logOut(request, payload, client)
        case _ where client.phase != .open: refuse(client, request, Refusal(.unauthenticated))
        default: refuse(client, request, Refusal(.commandNotFound))
        }
    }

    // MARK: auth

    private func authenticate(
        _ request: ClientRequest, _ payload: RawSpan, _ client: ClientConnection
    ) {
        guard client.phase == .authenticating else {
            return refuse(
                client, request, Refusal(.badRequest, message: "Already authenticated."))
        }
        let body: AuthRequest
        do throws(EnvelopeError) {
            body = try AuthRequest(from: payload, codec: client.codec ?? .protobuf)
        } catch {
            return payloadUnreadable(client, request, error)
        }
        let device = Device(
            id: body.device.id, platform: body.device.platform, app: body.device.app)
        authenticate(Array(body.token.utf8), method: "first_frame", request, client) {
            [self] result in
            switch result {
            case .success(let principal): admit(principal, device, request, client)
            case .failure(let failure): turnAway(client, request, failure)
            }
        }
    }

    /// Asks the policy whether somebody may hold this connection.
    private func admit(
        _ principal: Principal, _ device: Device, _ request: ClientRequest,
        _ client: ClientConnection
    ) {
        client.subject.identify(principal: principal, session: nil, device: device)
        let question = PolicyQuestion(
            place: .connection(client), subject: client.subject, principal: principal,
            call: { [self] in connectCall(of: client).call })
        ask(question) { [self] answer in
            switch answer {
            case .no(let refusal, _):
                turnAway(client, request, AdmissionFailure(refusal, of: principal))
            case .go(let permit, _):
                welcome(client, principal, device: device, permit)
                let codec = client.codec ?? .protobuf
                reply(client, request, payload: authReply(of: client).encoded(codec: codec))
                drain?.tell(client)
            }
        }
    }

    private func turnAway(
        _ client: ClientConnection, _ request: ClientRequest, _ failure: AdmissionFailure
    ) {
        refuse(client, request, failure.refusal)
        client.close(failure.reason)
    }

    private func authReply(of client: ClientConnection) -> AuthReply {
        AuthReply(
            session: client.session?.text ?? "", user: client.principal?.user ?? "", epoch: 0,
            resumed: false,
            heartbeatMilliseconds: UInt32(clamping: limits.heartbeatIntervalMilliseconds),
            maxFrameBytes: UInt32(clamping: limits.maxFrameBytes))
    }

    /// The first frame of a connection whose token came with the handshake.
    func sendAuthReply(_ client: ClientConnection, seq: UInt64) {
        guard let codec = client.codec else { return }
        client.owesAuthReply = false
        let payload = authReply(of: client).encoded(codec: codec)
        client.send(
            EnvelopeHead(
                version: 0, cmd: GatewayCommand.auth.rawValue, seq: seq, status: 0, kind: .reply,
                format: codec == .json ? PayloadFormat.json.rawValue : 0, deliveryClass: nil),
            payload: payload)
    }

    // MARK: refresh

    private func refresh(_ request: ClientRequest, _ payload: RawSpan, _ client: ClientConnection) {
        let body: RefreshRequest
        do throws(EnvelopeError) {
            body = try RefreshRequest(from: payload, codec: client.codec ?? .protobuf)
        } catch {
            return payloadUnreadable(client, request, error)
        }
        authenticate(Array(body.token.utf8), method: "refresh", request, client) {
            [self] result in
            switch result {
            case .success(let principal): refresh(request, principal, client)
            case .failure(let failure): refuse(client, request, failure.refusal)
            }
        }
    }

    private func refresh(
        _ request: ClientRequest, _ principal: Principal, _ client: ClientConnection
    ) {
        guard principal.user == client.principal?.user else {
            refuse(client, request, Refusal(.unauthenticated, message: "Another user's token."))
            return client.close(.badToken)
        }
        let place = PolicyWait.Place.connection(client)
        let question = PolicyQuestion(
            place: place, subject: client.subject, principal: principal,
            call: { place.call(.authRefresh) })
        ask(question) { [self] answer in
            switch answer {
            case .no(let refusal, let closes):
                refuse(client, request, refusal)
                if closes { client.close(.rateLimited) }
            case .go(let permit, _):
                client.refresh(principal)
                let answer = RefreshReply(expiresAtSeconds: principal.expiresAtSeconds ?? 0)
                reply(client, request, payload: answer.encoded(codec: client.codec ?? .protobuf))
                callIsOver(permit.lease)
            }
        }
    }

    // MARK: logout

    /// Revokes the connection's token, and the refresh token the payload may name, and says goodbye.
    private func logOut(_ request: ClientRequest, _ payload: RawSpan, _ client: ClientConnection) {
        guard let principal = client.principal else { return }
        var refreshToken: [UInt8]?
        if payload.byteCount > 0 {
            do throws(EnvelopeError) {
                let body = try RefreshRequest(from: payload, codec: client.codec ?? .protobuf)
                refreshToken = Array(body.token.utf8)
            } catch {
                return payloadUnreadable(client, request, error)
            }
        }
        client.pause(.identity)
        logOut(principal, refreshToken: refreshToken, on: client) { [self] refusal in
            if let refusal {
                refuse(client, request, refusal)
            } else {
                reply(client, request, payload: [])
                client.close(.clientClosed)
            }
            client.resume(.identity)
        }
    }

    // MARK: login

    private func login(_ request: ClientRequest, _ payload: RawSpan, _ client: ClientConnection) {
        let body: LoginRequest
        do throws(EnvelopeError) {
            body = try LoginRequest(from: payload, codec: client.codec ?? .protobuf)
        } catch {
            return payloadUnreadable(client, request, error)
        }
        let id = client.id
        client.requestStarted()
        logIn(body, subject: client.subject, at: .connection(client)) { [self] result in
            guard let client = table.find(id) else { return }
            client.requestEnded()
            switch result {
            case .success(let answer):
                reply(client, request, payload: answer.encoded(codec: client.codec ?? .protobuf))
            case .failure(let denial):
                refuse(client, request, denial.refusal)
                if denial.closes { client.close(.rateLimited) }
            }
        }
    }

    /// Sends an ok reply of the gateway's own and counts the request.
    func reply(
        _ client: ClientConnection, _ request: ClientRequest, payload: [UInt8],
        isLogged: Bool = true
    ) {
        if request.view.seq != 0 || request.view.cmd == GatewayCommand.auth.rawValue {
            client.send(
                EnvelopeHead(
                    version: 0, cmd: request.view.cmd, seq: request.view.seq, status: 0,
                    kind: .reply,
                    format: client.codec == .json ? PayloadFormat.json.rawValue : 0,
                    deliveryClass: nil),
                payload: payload)
        }
        if isLogged { finishOwn(client, request, bytesOut: payload.count) }
    }
}
