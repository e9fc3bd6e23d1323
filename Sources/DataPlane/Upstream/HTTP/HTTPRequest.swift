package import NIOCore
package import NIOHTTP1
package import SluiceVocabulary

/// One request to an instance, as its maker wants it sent.
package struct HTTPRequest {
    /// What a request carries after its head.
    package enum Body {
        case none
        /// Known as a whole: can be sent again on another connection.
        case whole(ByteBuffer)
        /// Written piece by piece with `HTTPExchange.write`.
        case streamed
    }

    /// `Content-Length` or `Transfer-Encoding: chunked` stand in it where there is a body.
    package var head: HTTPRequestHead
    package var body: Body
    /// Sending it twice does no harm (RFC 9110 section 9.2.2, or the command is `retry_safe`).
    package var isRepeatable: Bool
    /// A 101 answer is wanted: what follows are raw bytes both ways.
    package var wantsUpgrade: Bool
    /// When the response's head must have come; nil = no such time.
    package var deadline: MonotonicTime?
    /// Longest time without a byte in either direction, from the sending on; 0 = no limit. Ends with
    /// an upgrade.
    package var stallMilliseconds: Int64

    package init(
        head: HTTPRequestHead, body: Body = .none, isRepeatable: Bool = false,
        wantsUpgrade: Bool = false, deadline: MonotonicTime? = nil, stallMilliseconds: Int64 = 0
    ) {
        self.head = head
        self.body = body
        self.isRepeatable = isRepeatable
        self.wantsUpgrade = wantsUpgrade
        self.deadline = deadline
        self.stallMilliseconds = stallMilliseconds
    }
}

@available(*, unavailable)
extension HTTPRequest: Sendable {}

/// What the maker of a request hears, in this order: `writable` any number of times, one `head`,
/// `body` any number of times, then one `end`. Or, at any time, one `failed` and nothing after it.
package enum HTTPExchangeEvent {
    /// Body may be written (again).
    case writable
    /// The final response; 1xx are skipped. After a 101 `body` brings raw bytes.
    case head(HTTPResponseHead)
    case body(ByteBuffer)
    /// The response is whole; after a 101: the instance has closed.
    case end
    case failed(HTTPFailure)
}

@available(*, unavailable)
extension HTTPExchangeEvent: Sendable {}

/// Why a request has no whole answer.
package enum HTTPFailure: String, Sendable, CaseIterable {
    /// No connection came up: the request was not sent.
    case connectFailed = "connect_failed"
    /// The connection broke, or was closed before the end of the answer.
    case connectionLost = "connection_lost"
    /// What came is not a response that can be relied on (RFC 9112, RFC 9113).
    case badAnswer = "bad_answer"
    case timedOut = "timed_out"
    /// The service said that it did not look at the request (RFC 9113 section 8.7).
    case refused
    /// The head is longer than the service, or this side's library, takes over HTTP/2.
    case tooLarge = "too_large"
    /// Too many requests wait for a connection already.
    case overloaded
}

/// How an exchange ended, for those who count.
enum HTTPExchangeEnd: Equatable {
    case whole
    case failed(HTTPFailure)
    /// Its maker did not want it any more.
    case cancelled
}
