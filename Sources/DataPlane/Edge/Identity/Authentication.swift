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

    /// A permitted connection is somebody's from now on.
    func welcome(
        _ client: ClientConnection, _ principal: Principal, device: Device, _ permit: Permit
    ) {
        client.identify(principal, device: device, holding: permit.lease)
        logOpen(client)
    }
}

extension AdmissionFailure {
    /// The policy does not want the connection, or not now.
    init(_ refusal: Refusal, of principal: Principal) {
        let reason: CloseReason =
            switch refusal.kind {
            case .permissionDenied: .permissionDenied
            case .revoked: .revoked
            case .tokenExpired: .tokenExpired
            default: .rateLimited
            }
        self.init(refusal: refusal, reason: reason, user: principal.user)
    }
}
