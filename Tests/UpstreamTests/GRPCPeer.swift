import NIOCore
import NIOEmbedded
import NIOHPACK
import NIOHTTP2
import SluiceFraming
import SluiceTestSupport
import SluiceUpstream
import SluiceVocabulary
import Testing

/// A call as the far end has it.
struct GRPCCall {
    let stream: HTTP2StreamID
    let headers: HPACKHeaders
    let message: ByteBuffer

    /// What the client sent.
    var payload: String {
        guard let view = try? ProtobufEnvelope.scan(message.readableBytesSpan) else { return "?" }
        return message.getString(
            at: message.readerIndex + Int(view.payload.start), length: Int(view.payload.count))
            ?? "?"
    }
}

/// The far end of a gRPC link: the library's HTTP/2 handler as a server, for which the test speaks.
final class GRPCPeer {
    /// A stream on which nothing has been answered.
    private struct Request {
        var headers: HPACKHeaders
        var body = ByteBuffer()
    }

    let instance: FakeInstance
    /// What it says of itself at first.
    var settings: [HTTP2Setting] = []
    private let loop: EmbeddedEventLoop
    private var server: EmbeddedChannel?
    /// The link's channel that `server` is the other end of.
    private var client: LoopChannel?
    private var requests: [HTTP2StreamID: Request] = [:]
    private var calls: [GRPCCall] = []
    /// Streams that the gateway has reset, and why, in their order.
    private(set) var resets: [HTTP2StreamID: HTTP2ErrorCode] = [:]
    /// `Attach`, as it was opened last.
    private(set) var attached: HTTP2StreamID?
    /// How often it was opened.
    private(set) var attachments = 0
    /// Questions of the health service.
    private(set) var checks: [HTTP2StreamID] = []
    /// Pings that the gateway has sent.
    private(set) var pings = 0

    init(_ instance: FakeInstance, loop: EmbeddedEventLoop) {
        self.instance = instance
        self.loop = loop
    }

    // MARK: What came

    /// Calls that have come since the last question, in the order of their streams: data may leave
    /// in any order.
    func takeCalls() -> [GRPCCall] {
        defer { calls = [] }
        return calls.sorted { $0.stream < $1.stream }
    }

    /// Whole messages on `Attach` that have not been asked for yet.
    func takeAttached() throws -> [ByteBuffer] {
        guard let attached else { return [] }
        var messages: [ByteBuffer] = []
        while var body = requests[attached]?.body,
            let message = try BackendMessage.read(&body, maxBytes: 1 << 20)
        {
            requests[attached]?.body = body
            messages.append(message)
        }
        return messages
    }

    // MARK: What is said

    func say(_ stream: HTTP2StreamID, _ payload: HTTP2Frame.FramePayload) throws {
        let server = try #require(server, "nobody has connected")
        server.write(HTTP2Frame(streamID: stream, payload: payload), promise: nil)
        server.flush()
        try server.throwIfErrorCaught()
    }

    /// The answer's head.
    func begin(_ stream: HTTP2StreamID) throws {
        let headers = HPACKHeaders([(":status", "200"), ("content-type", "application/grpc")])
        try say(stream, .headers(.init(headers: headers)))
    }

    /// Some bytes of the answer.
    func write(_ stream: HTTP2StreamID, _ bytes: ByteBuffer) throws {
        try say(stream, .data(.init(data: .byteBuffer(bytes))))
    }

    /// The end of an answer that has begun.
    func end(_ stream: HTTP2StreamID, status: String = "0") throws {
        try say(
            stream,
            .headers(.init(headers: HPACKHeaders([("grpc-status", status)]), endStream: true)))
    }

    /// A status in the place of an answer.
    func refuse(_ stream: HTTP2StreamID, status: String, http: String = "200") throws {
        let headers = HPACKHeaders([(":status", http), ("grpc-status", status)])
        try say(stream, .headers(.init(headers: headers, endStream: true)))
    }

    /// A whole answer.
    func answer(_ call: GRPCCall, _ payload: String = "ok", status: UInt32 = 0) throws {
        try begin(call.stream)
        try write(
            call.stream,
            Self.framed(ByteBuffer(bytes: envelope(status: status, kind: 1, payload: payload))))
        try end(call.stream)
    }

    func reset(_ stream: HTTP2StreamID, _ code: HTTP2ErrorCode) throws {
        try say(stream, .rstStream(code))
    }

    func goaway(last: HTTP2StreamID) throws {
        try say(
            .rootStream, .goAway(lastStreamID: last, errorCode: .noError, opaqueData: nil))
    }

    /// How many streams it takes at a time from now on.
    func allow(streams: Int) throws {
        let setting = HTTP2Setting(parameter: .maxConcurrentStreams, value: streams)
        try say(.rootStream, .settings(.settings([setting])))
    }

    /// A message as it stands in a stream.
    static func framed(_ message: ByteBuffer) -> ByteBuffer {
        var bytes = ByteBuffer(bytes: [0])
        bytes.writeInteger(UInt32(message.readableBytes))
        bytes.writeImmutableBuffer(message)
        return bytes
    }

    // MARK: The way

    /// Moves what is under way, both ways.
    /// - Returns: whether there was anything.
    func exchange() throws -> Bool {
        guard let channel = instance.channels.last else { return false }
        if channel !== client { try connect(channel) }
        guard let server else { return false }
        var moved = false
        for bytes in channel.takeWritten() {
            try server.writeInbound(bytes)
            moved = true
        }
        while let frame = try server.readInbound(as: HTTP2Frame.self) { take(frame) }
        while let bytes = try server.readOutbound(as: ByteBuffer.self) {
            guard channel.isActive else { continue }
            channel.receive(bytes)
            moved = true
        }
        return moved
    }

    private func connect(_ channel: LoopChannel) throws {
        client = channel
        requests = [:]
        attached = nil
        let made = EmbeddedChannel(loop: loop)
        try made.pipeline.syncOperations.addHandler(
            NIOHTTP2Handler(mode: .server, initialSettings: settings))
        try made.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        server = made
    }

    private func take(_ frame: HTTP2Frame) {
        switch frame.payload {
        case .headers(let block): requests[frame.streamID] = Request(headers: block.headers)
        case .data(let data):
            guard case .byteBuffer(let bytes) = data.data else { return }
            requests[frame.streamID]?.body.writeImmutableBuffer(bytes)
        case .rstStream(let code): resets[frame.streamID] = code
        case .ping(_, ack: false): pings += 1
        default: break
        }
        guard let request = requests[frame.streamID] else { return }
        switch (request.headers.first(name: ":path"), frame.payload) {
        case ("/sluice.v1.Backend/Attach", .headers):
            attached = frame.streamID
            attachments += 1
        case ("/grpc.health.v1.Health/Check", .headers): checks.append(frame.streamID)
        case ("/sluice.v1.Backend/Handle", .data(let data)) where data.endStream:
            var body = request.body
            guard let message = try? BackendMessage.read(&body, maxBytes: 1 << 24) else { return }
            calls.append(
                GRPCCall(stream: frame.streamID, headers: request.headers, message: message))
        default: break
        }
    }
}

/// A rig whose instances speak gRPC.
final class GRPCRig {
    let rig: Rig
    let peers: [GRPCPeer]
    var peer: GRPCPeer { peers[0] }

    /// - Parameters:
    ///   - settings: what all peers say of themselves at first.
    ///   - firstStream: the id of the first stream to the first peer, where it is not 1.
    init(
        instances: Int = 1, limits: Limits = Limits(), settings: [HTTP2Setting] = [],
        firstStream: Int? = nil,
        configure: (inout ServiceDefinition) -> Void = { _ in }
    ) throws {
        let loop = EmbeddedEventLoop()
        rig = try Rig(instances: instances, limits: limits, isStarted: false, loop: loop) {
            $0.isGRPC = true
            configure(&$0)
        }
        peers = rig.instances.map { GRPCPeer($0, loop: loop) }
        for peer in peers { peer.settings = settings }
        rig.upstream.start()
        if let firstStream {
            rig.upstream.useStreamIDs(from: firstStream, to: rig.instances[0].address)
        }
        try run()
    }

    /// Runs what is due, and moves bytes until none is under way.
    func run() throws {
        var moved = true
        while moved {
            rig.loop.run()
            moved = false
            for peer in peers where try peer.exchange() { moved = true }
        }
        rig.loop.run()
    }

    @discardableResult
    func send(
        _ name: String = "once", requester: Int = 1, seq: UInt64, key: UInt64 = 7,
        payload: String? = nil
    ) throws -> Dispatch {
        let dispatch = try rig.send(
            name, requester: requester, seq: seq, key: key, payload: payload ?? "p\(seq)")
        try run()
        return dispatch
    }

    func advance(milliseconds: Int64) throws {
        rig.advance(milliseconds: milliseconds)
        try run()
    }

    func outcome(of seq: UInt64) -> String? { rig.outcome(of: seq) }
}
