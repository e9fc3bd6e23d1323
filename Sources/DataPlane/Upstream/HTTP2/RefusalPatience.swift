/// How long a peer is believed that refuses a stream although no other is under way on its connection.
///
/// Servers with several threads count a stream a moment longer than its client, who has read its end:
/// whoever fills the place at once is refused (REFUSED_STREAM, RFC 9113 section 8.7). Such a peer has
/// room again after a pause. One that answers nothing in between will go on refusing.
struct RefusalPatience {
    /// The pauses double, from 2 ms to 256 ms: half a second in all.
    private static let maxPauses = 8

    private var pauses = RefusalPatience.maxPauses

    /// The peer has answered a request.
    mutating func answered() { pauses = 0 }

    /// The peer has refused a stream that was alone.
    /// - Returns: after how many milliseconds it is worth asking again; nil = never.
    mutating func pauseMilliseconds() -> Int64? {
        guard pauses < Self.maxPauses else { return nil }
        pauses += 1
        return 1 << Int64(pauses)
    }
}
