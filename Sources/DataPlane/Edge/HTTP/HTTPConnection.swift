import SluiceVocabulary

/// An HTTP connection as its loop knows it, to end it from outside.
enum HTTPConnection {
    case http1(HTTPEntry)
    case http2(HTTP2Connection)

    /// The gateway drains: idle connections close now, others with their response.
    ///
    /// - Parameter sparingNew: those that wait for their first request go on waiting.
    func drain(sparingNew: Bool) {
        switch self {
        case .http1(let entry): entry.drain(sparingNew: sparingNew)
        case .http2(let connection): connection.drain(sparingNew: sparingNew)
        }
    }

    /// Closes at once.
    func close(_ reason: CloseReason) {
        switch self {
        case .http1(let entry): entry.close(reason)
        case .http2(let connection): connection.close(reason)
        }
    }
}

@available(*, unavailable)
extension HTTPConnection: Sendable {}

extension EdgeLoop {
    /// Hands the entry's output to its channel at the end of this turn.
    func flushLater(_ entry: HTTPEntry) {
        tick.begin()
        unflushedHTTP.append(entry)
    }
}
