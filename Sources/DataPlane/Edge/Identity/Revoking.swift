package import NIOCore
package import SluiceIdentity
import SluiceVocabulary

/// Another loop's edge, reached through its loop alone.
package struct OtherLoop: Sendable {
    let index: Int
    let loop: any EventLoop
    let edge: NIOLoopBound<EdgeLoop>

    package init(index: Int, loop: any EventLoop, edge: NIOLoopBound<EdgeLoop>) {
        self.index = index
        self.loop = loop
        self.edge = edge
    }
}

/// The end of tokens and users before their time, on every loop and on live connections.
extension EdgeLoop {
    /// Makes the other loops known, so that what ends here ends there.
    package func join(_ others: [OtherLoop]) {
        peers = others
    }

    /// Revokes on every loop. Live connections it covers close with 4505.
    ///
    /// - Parameter untilSeconds: when all it revokes has expired, in seconds since 1970.
    /// - Returns: false when this loop's list is full, and with it everybody's; nothing is revoked.
    ///
    /// `spared` stays: its client asked for this and gets an answer first.
    func revokeEverywhere(
        _ revocation: Revocation, untilSeconds: Int64, sparing spared: ClientConnection?
    ) -> Bool {
        guard revoke(revocation, untilSeconds: untilSeconds, sparing: spared) else {
            return false
        }
        for peer in peers {
            peer.loop.execute {
                _ = peer.edge.value.revoke(revocation, untilSeconds: untilSeconds)
            }
        }
        return true
    }

    /// Revokes on this loop alone.
    package func revoke(_ revocation: Revocation, untilSeconds: Int64) -> Bool {
        revoke(revocation, untilSeconds: untilSeconds, sparing: nil)
    }

    private func revoke(
        _ revocation: Revocation, untilSeconds: Int64, sparing spared: ClientConnection?
    ) -> Bool {
        tick.begin()
        let now = tick.wall
        guard untilSeconds > now.seconds else { return true }
        guard
            authenticator.revocations.insert(revocation, untilSeconds: untilSeconds, now: now)
        else {
            meters.limitExceeded("max_revocations")
            return false
        }
        for client in table.all where client.phase == .open && client !== spared {
            guard let principal = client.principal, authenticator.revocations.covers(principal)
            else { continue }
            client.close(.revoked)
        }
        return true
    }

    /// Forgets what is known of a user on every loop; live connections of one who is gone close.
    package func invalidateEverywhere(user: String) {
        invalidate(user: user)
        for peer in peers { peer.loop.execute { peer.edge.value.invalidate(user: user) } }
    }

    /// The same on this loop alone.
    package func invalidate(user: String) {
        tick.begin()
        authenticator.users.forget(user)
        authenticator.opaque.forget(user: user)
        guard let rules = snapshot.userCheck,
            table.all.contains(where: { $0.principal?.user == user && $0.phase == .open })
        else { return }
        authenticator.ask(user, rules) { [self] answer in
            // Nobody answered: what is live stays, and the next token of the user asks again.
            guard answer == .gone else { return }
            for client in table.all where client.phase == .open && client.principal?.user == user {
                client.close(.revoked)
            }
        }
    }

    /// Revokes one token of a principal: by its `jti`, else by its hash.
    func revokeToken(of principal: Principal, sparing spared: ClientConnection?) -> Bool {
        let revocation: Revocation
        if let id = principal.tokenID {
            revocation = .tokenID(id)
        } else if let hash = principal.tokenHash {
            revocation = .token(hash)
        } else {
            return true
        }
        // A token without an end is remembered for as long as a year is long.
        let end = principal.expiresAtSeconds ?? tick.wall.seconds + 31_536_000
        return revokeEverywhere(
            revocation, untilSeconds: end + snapshot.tokenRules.leewaySeconds + 1,
            sparing: spared)
    }

    /// Ends somebody's token, and his refresh token where he gives it. Nil when it is done.
    func logOut(
        _ principal: Principal, refreshToken: [UInt8]?, on client: ClientConnection? = nil,
        _ completion: @escaping (Refusal?) -> Void
    ) {
        func finish() {
            if let hash = principal.tokenHash { authenticator.opaque.forget(hash) }
            completion(revokeToken(of: principal, sparing: client) ? nil : Refusal(.overloaded))
        }
        guard let refreshToken, let issuer = snapshot.issuer else { return finish() }
        let now = tick.wall
        let check: @Sendable () -> Result<RefreshGrant, TokenError> = {
            issuer.check(refreshToken, now: now)
        }
        authenticator.compute(isCostly: issuer.isCostly, check) { [self] outcome in
            switch outcome {
            case .success(let grant) where grant.user == principal.user:
                guard revokeToken(of: grant.principal, sparing: client) else {
                    return completion(Refusal(.overloaded))
                }
                finish()
            // It buys nothing any more: that is what was asked for.
            case .failure(.expired), .failure(.revoked): finish()
            case .success:
                completion(Refusal(.badRequest, message: "Another user's refresh token."))
            case .failure(let error): completion(Refusal(error.refusal))
            }
        }
    }

    /// Marks a refresh token as used, on the loop that keeps its `jti`.
    ///
    /// - Parameter completion: runs on this loop; false when it was used before.
    func use(_ grant: RefreshGrant, _ completion: @escaping (Bool) -> Void) {
        guard let id = grant.tokenID else { return completion(true) }
        let home = Int(UInt(bitPattern: id.hashValue) % UInt(peers.count + 1))
        guard home != index, let peer = peers.first(where: { $0.index == home }) else {
            return completion(authenticator.usedRefreshTokens.use(id))
        }
        let back = loop
        let bound = NIOLoopBound((self, completion), eventLoop: back)
        peer.loop.execute {
            let isFirst = peer.edge.value.authenticator.usedRefreshTokens.use(id)
            back.execute {
                let (edge, completion) = bound.value
                edge.tick.begin()
                completion(isFirst)
            }
        }
    }
}

extension TokenIssuer {
    /// `verifyRefreshToken` as a value, for another thread.
    func check(_ token: [UInt8], now: WallTime) -> Result<RefreshGrant, TokenError> {
        do throws(TokenError) {
            return .success(try verifyRefreshToken(token, now: now))
        } catch {
            return .failure(error)
        }
    }
}
