import SluiceVocabulary

/// How a gRPC call ends: the codes of `grpc-status`, and what a client is told of each.
enum GRPCStatus {
    static let ok = 0
    static let unimplemented = 12

    /// What the caller is told where there is no reply.
    static func refusal(_ code: Int) -> RefusalKind {
        switch code {
        case 4: .timedOut
        case 8: .overloaded
        case 14: .serviceUnavailable
        default: .badUpstreamAnswer
        }
    }

    /// Of a response that is none of gRPC: a proxy's page, mostly.
    static func code(httpStatus: Int) -> Int {
        switch httpStatus {
        case 429, 502, 503, 504: 14
        case 404: unimplemented
        default: 2
        }
    }

    /// `grpc-timeout`: at most eight digits and a unit.
    static func timeout(milliseconds: UInt32) -> String {
        milliseconds < 100_000_000 ? "\(milliseconds)m" : "\(milliseconds / 1_000)S"
    }
}
