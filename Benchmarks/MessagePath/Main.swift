import CAllocationCounter
import NIOCore

/// Measures the message path: bytes of a client in, bytes to the service out, and the answer back.
///
/// `message-path allocations` prints allocations per message; `message-path walk N DEPTH` walks N
/// messages and prints nothing, for callgrind: the difference of two walks is the cost per message.
@main
struct MessagePath {
    static func main() async throws {
        let arguments = CommandLine.arguments
        let rig = try await Rig()
        switch arguments.dropFirst().first {
        case "walk":
            let messages = arguments.count > 2 ? Int(arguments[2]) ?? 0 : 0
            let depth = arguments.count > 3 ? Int(arguments[3]) ?? 1 : 1
            try walk(rig, messages: messages, depth: depth)
        case "allocations":
            for depth in [1, 8] {
                try walk(rig, messages: 4_000, depth: depth)
                let before = allocation_count()
                try walk(rig, messages: 8_000, depth: depth)
                let count = Double(allocation_count() - before) / 8_000
                print("allocations_per_message depth=\(depth) \(count)")
            }
        default:
            print("usage: message-path allocations | walk MESSAGES DEPTH")
        }
    }

    private static func walk(_ rig: Rig, messages: Int, depth: Int) throws {
        let frames = Rig.frames(depth: depth)
        for _ in 0..<(messages / depth) { try rig.roundTrip(frames, depth: depth) }
    }
}
