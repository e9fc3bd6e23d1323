import SluiceVocabulary

/// Who may change something: the gateway's own user by Unix socket, or the holder of the token.
///
/// Against pages in a browser on this machine: nothing that changes something is taken with an
/// `Origin`, with another media type than JSON (a form cannot send that), or under a name that is
/// not this machine's own with this port (DNS rebinding).
package struct AdminAccess: Sendable {
    /// The fewest bytes a token may have.
    package static let minTokenBytes = 16

    private let userID: UInt32
    private let token: [UInt8]?

    /// - Parameters:
    ///   - userID: the process's own effective user id; it and root may use the Unix socket.
    ///   - token: the bearer token; nil = no token opens anything.
    package init(userID: UInt32, token: [UInt8]? = nil) {
        self.userID = userID
        self.token = token
        invariant(
            token.map { $0.count >= Self.minTokenBytes } ?? true, "a short token can be guessed")
    }

    /// Whether any changing call can be made by token.
    package var hasToken: Bool { token != nil }

    /// Checks a call that changes something.
    func check(_ request: AdminRequest, by link: AdminLink) throws(AdminRefusal) -> AdminCaller {
        if case .port(let port) = link {
            guard request.authority?.port ?? 80 == port else { throw .misdirected }
        }
        guard !request.hasOrigin else { throw .originPresent }
        let caller = try identify(request, by: link)
        let needsType = request.method == "POST" || request.hasBody
        guard !needsType || request.isJSON else { throw .badContentType }
        return caller
    }

    private func identify(
        _ request: AdminRequest, by link: AdminLink
    ) throws(AdminRefusal) -> AdminCaller {
        var refusal = AdminRefusal.unauthenticated
        if case .socket(let peer) = link {
            if let peer, peer == userID || peer == 0 { return .user(peer) }
            refusal = .wrongUser
        }
        guard let attempt = request.bearer else { throw refusal }
        guard let token, Self.isEqual(attempt, token) else { throw .wrongToken }
        return .token
    }

    /// Takes as long for every token of the attempt's length: the time tells nothing of ours.
    static func isEqual(_ attempt: [UInt8], _ secret: [UInt8]) -> Bool {
        var difference = attempt.count ^ secret.count
        for index in attempt.indices {
            difference |= Int(attempt[index] ^ secret[index % secret.count])
        }
        return difference == 0
    }
}

/// What a call came in by.
enum AdminLink: Sendable, Equatable {
    /// The TCP port, by its number.
    case port(Int)
    /// The Unix socket, with the user id the kernel gives for the peer; nil where it gives none.
    case socket(userID: UInt32?)
}
