import NIOCore
import NIOHPACK
import NIOHTTP1
import NIOHTTP2
import SluiceVocabulary

/// Looks at a stream's head before it is made into one of HTTP/1.
///
/// NIO keeps the rules of RFC 9113 section 8. What is left: a bound on the head that holds before
/// the client has acknowledged our settings, a Host beside `:authority`, and the form of a length.
final class HTTP2HeadCheck: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias InboundOut = HTTP2Frame.FramePayload

    private let limits: Limits

    init(limits: Limits) { self.limits = limits }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .headers(let frame) = unwrapInboundIn(data) {
            do throws(HTTPViolation) {
                try check(frame.headers)
            } catch {
                return context.fireErrorCaught(error)
            }
        }
        context.fireChannelRead(data)
    }

    private func check(_ headers: HPACKHeaders) throws(HTTPViolation) {
        var size = 0
        var hosts: [String] = []
        var lengths: [String] = []
        for (name, value, _) in headers {
            // The overhead of an entry: RFC 7541 section 4.1.
            size += name.utf8.count + value.utf8.count + 32
            // RFC 9113 section 8.2.1, which NIO keeps only in part: a service could end the connection
            // that it shares with others over it.
            if value.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }) {
                throw .controlCharacter
            }
            let ends = [value.utf8.first, value.utf8.last]
            if ends.contains(0x20) || ends.contains(0x09) { throw .fieldValue }
            switch name {
            case ":authority", "host": hosts.append(value.lowercased())
            case "content-length": lengths.append(value)
            case "content_length", "transfer_encoding": throw .contentLength
            default: break
            }
        }
        guard headers.count <= limits.maxHeaders else { throw .tooManyFields }
        guard size <= limits.maxHeaderBytes else { throw .headTooLarge }
        guard Set(hosts).count <= 1 else { throw .host }
        guard lengths.count <= 1,
            lengths.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(HTTPCharacters.isDigit) })
        else { throw .contentLength }
    }
}

@available(*, unavailable)
extension HTTP2HeadCheck: Sendable {}
