import NIOCore
import NIOPosix

/// Asks name servers: over UDP, and over TCP what does not fit (RFC 1035 section 4.2).
///
/// Every question has a socket of its own, so its port and its id are chance, and only the server
/// asked can answer on it.
struct DNSClient: Sendable {
    /// For one question to one server.
    static let timeout = TimeAmount.seconds(2)
    /// How often all servers are asked before it is a failure.
    static let rounds = 2

    let group: any EventLoopGroup
    let servers: [String]

    /// The first usable answer: one without error, or a server's word that there is no such name.
    func ask(_ name: String, _ type: DNSType) async throws(SourceFailure) -> DNSMessage {
        var last = SourceFailure("no name server is known; name one in `servers`")
        for _ in 0..<Self.rounds {
            for server in servers {
                do throws(SourceFailure) {
                    let message = try await ask(name, type, server)
                    if [DNSMessage.noError, DNSMessage.noSuchName].contains(message.code) {
                        return message
                    }
                    last = SourceFailure("\(server) answers with code \(message.code) for \(name)")
                } catch {
                    last = error
                }
                if Task.isCancelled { throw last }
            }
        }
        throw last
    }

    private func ask(
        _ name: String, _ type: DNSType, _ server: String
    ) async throws(SourceFailure) -> DNSMessage {
        let id = UInt16.random(in: 0...(.max))
        guard let question = DNSMessage.question(name, type, id: id) else {
            throw SourceFailure("`\(name)` is no name the DNS can be asked for")
        }
        let address = try Self.address(server)
        let expected = DNSExpectation(id: id, name: name, type: type)
        do {
            let message = try await exchange(question, expected, address, isTCP: false)
            guard message.isTruncated else { return message }
            let whole = try await exchange(question, expected, address, isTCP: true)
            guard !whole.isTruncated else {
                throw SourceFailure("\(server) cuts its answer for \(name) over TCP too")
            }
            return whole
        } catch let failure as SourceFailure {
            throw failure
        } catch let problem as DNSProblem {
            throw SourceFailure("the answer of \(server) for \(name) cannot be read: \(problem)")
        } catch {
            throw SourceFailure("\(server) does not answer for \(name)")
        }
    }

    private static func address(_ server: String) throws(SourceFailure) -> SocketAddress {
        guard let colon = server.lastIndex(of: ":"),
            let port = Int(server[server.index(after: colon)...])
        else { throw SourceFailure("`\(server)` is no address of a name server") }
        let host = server[..<colon].filter { $0 != "[" && $0 != "]" }
        do {
            return try SocketAddress(ipAddress: String(host), port: port)
        } catch {
            throw SourceFailure("`\(server)` is no address of a name server")
        }
    }

    private func exchange(
        _ question: [UInt8], _ expected: DNSExpectation, _ address: SocketAddress, isTCP: Bool
    ) async throws -> DNSMessage {
        let loop = group.next()
        let answer = loop.makePromise(of: DNSMessage.self)
        let deadline = loop.scheduleTask(in: Self.timeout) {
            answer.fail(ChannelError.connectTimeout(Self.timeout))
        }
        defer { deadline.cancel() }
        let channel: any Channel
        do {
            channel =
                try await isTCP
                ? ClientBootstrap(group: loop).connectTimeout(Self.timeout)
                    .channelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture {
                            try channel.pipeline.syncOperations.addHandler(
                                DNSStreamHandler(expected, answer))
                        }
                    }.connect(to: address).get()
                : DatagramBootstrap(group: loop)
                    .channelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture {
                            try channel.pipeline.syncOperations.addHandler(
                                DNSDatagramHandler(expected, answer))
                        }
                    }.connect(to: address).get()
        } catch {
            answer.fail(error)
            return try await answer.futureResult.get()
        }
        let bytes =
            isTCP
            ? [UInt8(question.count >> 8), UInt8(question.count & 0xFF)] + question : question
        if isTCP {
            channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
        } else {
            channel.writeAndFlush(
                AddressedEnvelope(remoteAddress: address, data: ByteBuffer(bytes: bytes)),
                promise: nil)
        }
        let result = await answer.futureResult.result()
        channel.close(promise: nil)
        return try result.get()
    }
}

extension EventLoopFuture where Value: Sendable {
    fileprivate func result() async -> Result<Value, any Error> {
        do {
            return .success(try await get())
        } catch {
            return .failure(error)
        }
    }
}

/// What an answer must repeat to be one to our question.
struct DNSExpectation: Sendable {
    let id: UInt16
    let name: String
    let type: DNSType

    func isMet(by message: DNSMessage) -> Bool {
        let plain = (name.hasSuffix(".") ? String(name.dropLast()) : name).lowercased()
        return message.id == id && message.questionName == plain
            && message.questionType == type.rawValue
    }
}
