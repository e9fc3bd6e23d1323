import NIOCore
import NIOHPACK

/// One HTTP/2 stream of a gRPC link, until its end is known.
struct GRPCStream {
    /// What it is for.
    enum Purpose {
        /// `Handle`, for the pending call with this id.
        case call(UInt32)
        /// `Attach`.
        case attach
        /// `grpc.health.v1.Health/Check`, for the active check of this number.
        case check(UInt64)
    }

    let purpose: Purpose
    /// What has come and is not read yet.
    var body = ByteBuffer()
    /// The response's head has come.
    var hasHead = false
    var httpStatus = 200
    /// `grpc-status`; nil = has not come.
    var code: Int?
    /// Everything of ours is out.
    var isSent = false
    /// The call's envelope, where there is room to keep it: the peer may say that it never looked.
    var request: ByteBuffer?

    init(_ purpose: Purpose) { self.purpose = purpose }

    /// Takes a header block over: the head, or the trailers.
    mutating func take(_ headers: HPACKHeaders) {
        if !hasHead {
            hasHead = true
            httpStatus = headers.first(name: ":status").flatMap { Int($0) } ?? 0
        }
        if let status = headers.first(name: "grpc-status") { code = Int(status) ?? 2 }
    }

    /// How it ended, once the peer has ended it: 2 (UNKNOWN) where it did not say.
    var endCode: Int { code ?? (httpStatus == 200 ? 2 : GRPCStatus.code(httpStatus: httpStatus)) }
}

@available(*, unavailable)
extension GRPCStream: Sendable {}
