import NIOCore
import NIOHTTP1
import SluiceFraming
import SluiceVocabulary

/// What a service's HTTP response says: `docs/http-link.md`.
enum HTTPCallAnswer {
    /// `Sluice-Status` decides where it is; else 2xx is 0, 4xx is 1000 more, 503 and 504 are the
    /// gateway's own refusals, and everything else is no answer.
    static func outcome(_ head: HTTPResponseHead, _ body: ByteBuffer) -> CallOutcome {
        var view = EnvelopeView()
        let own = head.headers["sluice-status"]
        if let text = own.first {
            guard own.count == 1, let status = UInt32(text), status == 0 || status >= 1_000 else {
                return .refused(.badUpstreamAnswer)
            }
            view.status = status
        } else {
            switch head.status.code {
            case 200...299: view.status = 0
            case 400...499: view.status = 1_000 + UInt32(head.status.code)
            case 503: return .refused(.serviceUnavailable)
            case 504: return .refused(.timedOut)
            default: return .refused(.badUpstreamAnswer)
            }
        }
        view.kind = EnvelopeKind.reply.rawValue
        if isJSON(head), body.readableBytes > 0 { view.format = PayloadFormat.json.rawValue }
        view.payload = ByteRange(start: 0, count: Int32(clamping: body.readableBytes))
        return .reply(view, body)
    }

    /// `application/json` and `application/*+json` (RFC 6839), whatever parameters follow.
    private static func isJSON(_ head: HTTPResponseHead) -> Bool {
        guard let type = head.headers.first(name: "content-type") else { return false }
        let media = type.prefix { $0 != ";" && $0 != " " }.lowercased()
        return media == "application/json"
            || (media.hasPrefix("application/") && media.hasSuffix("+json"))
    }
}
