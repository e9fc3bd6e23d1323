import CAllocationCounter
import Dispatch
import NIOCore
import Synchronization

/// Measures the message path: bytes of a client in, bytes to the service out, and the answer back.
///
/// `message-path allocations` prints allocations per message; `message-path walk N DEPTH` walks N
/// messages and prints nothing, for callgrind: the difference of two walks is the cost per message.
@main
struct MessagePath {
    static func main() throws {
        let arguments = CommandLine.arguments
        let rig = try Rig(keys: blocking { try await Rig.makeKeys() })
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

    /// Waits for asynchronous work on this thread, which embedded loops must not leave.
    private static func blocking<Value: Sendable>(
        _ work: @escaping @Sendable () async throws -> Value
    ) throws -> Value {
        let box = Box<Value>()
        let done = DispatchSemaphore(value: 0)
        Task.detached {
            let result: Result<Value, any Error>
            do { result = .success(try await work()) } catch { result = .failure(error) }
            box.answer.withLock { $0 = result }
            done.signal()
        }
        done.wait()
        guard let result = box.answer.withLock({ $0 }) else { throw RigError.notOpen }
        return try result.get()
    }

    private static func walk(_ rig: Rig, messages: Int, depth: Int) throws {
        let frames = Rig.frames(depth: depth)
        for _ in 0..<(messages / depth) { try rig.roundTrip(frames, depth: depth) }
    }
}

/// Where the result of asynchronous work is left.
private final class Box<Value: Sendable>: Sendable {
    let answer = Mutex<Result<Value, any Error>?>(nil)
}
