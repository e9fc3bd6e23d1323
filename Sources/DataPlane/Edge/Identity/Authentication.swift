import SluiceIdentity
import SluicePolicy
import SluiceVocabulary

/// Why somebody was not let in: what the client is told, and how the connection ends.
struct AdmissionFailure: Error {
    var refusal: Refusal
    var reason: CloseReason
    /// Whose token it was, where that is proven.
    var user: String?
}

/// Who is this: a token in, a principal out, now or later.
extension EdgeLoop {
    /// Finds out who brings this token.
    ///
    /// - Parameters:
    ///   - method: where the token came in, the label `method` of `sluice_auth_total`.
    ///   - completion: runs once on this loop, inside a turn of the tick; before this call returns
    ///     when nobody else must be asked. Whoever waits must look whether his client is still there.
    func authenticate(
        _ token: [UInt8], method: String,
        _ completion: @escaping (Result<Principal, AdmissionFailure>) -> Void
    ) {
        authenticator.identify(token) { [self] outcome in
            switch outcome {
            case .success(let principal):
                meters.authentication(method, "ok")
                completion(.success(principal))
            case .failure(let error):
                meters.authentication(method, error.rawValue)
                completion(
                    .failure(
                        AdmissionFailure(
                            refusal: Refusal(error.refusal), reason: error.closeReason)))
            }
        }
    }

    /// The same for a message of a long connection.
    ///
    /// While it waits the connection is not read, so that one message at most waits for each. A
    /// connection that has gone or says goodbye meanwhile gets no answer; the message is accounted
    /// for as timed out.
    func authenticate(
        _ token: [UInt8], method: String, _ request: ClientRequest, _ client: ClientConnection,
        _ completion: @escaping (Result<Principal, AdmissionFailure>) -> Void
    ) {
        var isOver = false
        var isParked = false
        authenticate(token, method: method) { [self] result in
            isOver = true
            guard isParked else { return completion(result) }
            guard client.phase != .closed, client.phase != .closing else {
                let refusal = Refusal(.timedOut, message: "The client has gone.")
                return refuse(client, request, refusal)
            }
            client.requestEnded()
            completion(result)
            client.resume(.identity)
        }
        guard !isOver else { return }
        isParked = true
        client.requestStarted()
        client.pause(.identity)
    }

    /// Asks the policy whether somebody may hold a connection, and makes it his.
    ///
    /// - Returns: why not; nil when the connection is open now.
    func admit(
        _ principal: Principal, device: Device, _ client: ClientConnection
    ) -> AdmissionFailure? {
        client.subject.identify(principal: principal, session: nil, device: device.id)
        let call = PolicyCall(
            action: .sessionConnect, bytes: 0, transport: client.transport, topic: nil,
            loginUser: nil)
        switch evaluator.decide(call, for: client.subject, now: tick.now) {
        case .refuse(let refusal):
            return AdmissionFailure(
                refusal: refusal,
                reason: refusal.kind == .permissionDenied ? .permissionDenied : .overload,
                user: principal.user)
        case .go:
            client.identify(principal, device: device)
            logOpen(client)
            return nil
        }
    }
}
