package import NIOCore
package import SluiceVocabulary
import SwiftProtobuf

/// The first frame of both sides of a native link.
package struct LinkHello: Sendable, Equatable {
    /// The link protocol's version: 1.
    package var version: UInt32
    /// Who speaks: the gateway's node name, or the service's instance name.
    package var node: String

    package static let currentVersion: UInt32 = 1

    package init(node: String, version: UInt32 = LinkHello.currentVersion) {
        self.version = version
        self.node = node
    }

    /// Reads the body of a hello frame.
    package init(from body: RawSpan) throws(LinkError) {
        let message: Sluice_V1_LinkHello = try decoded(body, .hello)
        self.init(node: message.node, version: message.version)
    }

    /// The body of a hello frame.
    package func encoded() -> [UInt8] {
        var body = ByteBuffer()
        ProtobufText.append(field: 1, varint: UInt64(version), to: &body)
        ProtobufText.append(field: 2, text: node, to: &body)
        return Array(buffer: body)
    }
}

/// Says that a side takes no new calls.
package struct LinkGoaway: Sendable, Equatable {
    /// For people.
    package var reason: String

    package init(reason: String) { self.reason = reason }

    /// Reads the body of a goaway frame.
    package init(from body: RawSpan) throws(LinkError) {
        let message: Sluice_V1_LinkGoaway = try decoded(body, .goaway)
        reason = message.reason
    }

    /// The body of a goaway frame.
    package func encoded() -> [UInt8] {
        var body = ByteBuffer()
        ProtobufText.append(field: 1, text: reason, to: &body)
        return Array(buffer: body)
    }
}

extension PushResult {
    /// Reads the body of a pushResult frame.
    package init(from body: RawSpan) throws(LinkError) {
        let message: Sluice_V1_LinkPushResult = try decoded(body, .pushResult)
        self.init()
        delivered = message.delivered
        queued = message.queued
        offline = message.offline
        if message.status == RefusalKind.rateLimited.status {
            refusal = Refusal(
                .rateLimited, rule: message.rule.isEmpty ? nil : message.rule,
                retryAfterMilliseconds: message.retryAfterMs)
        }
    }

    /// The body of a pushResult frame.
    package func linkBody() -> [UInt8] {
        var body = ByteBuffer()
        appendLinkBody(to: &body)
        return Array(buffer: body)
    }

    /// Appends a whole pushResult frame.
    package func append(stream: UInt32, to buffer: inout ByteBuffer) {
        let start = LinkCodec.beginFrame(.pushResult, stream: stream, into: &buffer)
        appendLinkBody(to: &buffer)
        LinkCodec.endFrame(at: start, in: &buffer)
    }

    private func appendLinkBody(to buffer: inout ByteBuffer) {
        ProtobufText.append(field: 1, varint: UInt64(delivered), to: &buffer)
        ProtobufText.append(field: 2, varint: UInt64(queued), to: &buffer)
        ProtobufText.append(field: 3, varint: UInt64(offline), to: &buffer)
        guard let refusal else { return }
        ProtobufText.append(field: 4, varint: UInt64(refusal.kind.status), to: &buffer)
        ProtobufText.append(field: 5, text: refusal.rule ?? "", to: &buffer)
        ProtobufText.append(field: 6, varint: refusal.retryAfterMilliseconds, to: &buffer)
    }
}

private func decoded<Body: Message>(_ body: RawSpan, _ kind: LinkFrameKind) throws(LinkError)
    -> Body
{
    do {
        return try Body(serializedBytes: body.array())
    } catch {
        throw .badBody(kind)
    }
}
