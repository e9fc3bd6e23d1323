import NIOCore
import NIOPosix
package import SluiceTelemetry
import SluiceVocabulary
import Synchronization

/// Threads for signatures that take too long for a loop: RSA, ECDSA and EdDSA. Shared by all loops.
///
/// Bounded: what does not fit into the queue is refused at once, so that a flood of new tokens costs
/// no more than the threads and delays nobody whose token is known.
package final class SignaturePool: Sendable {
    private let threads: NIOThreadPool
    private let waiting = Atomic<Int>(0)
    private let maxWaiting: Int
    private let queue: Gauge

    /// - Parameter maxWaiting: signatures that run or wait at a time.
    package init(threads: Int, maxWaiting: Int, registry: MetricsRegistry) {
        self.threads = NIOThreadPool(numberOfThreads: max(1, threads))
        self.maxWaiting = maxWaiting
        queue = registry.gauge(.signatureQueue, [], shard: 0)
        self.threads.start()
    }

    /// Ends the threads. Work that has not begun ends without an answer.
    package func stop() async throws { try await threads.shutdownGracefully() }

    /// Runs `work` on a thread and `completion` on the loop; nil when the pool ends before.
    ///
    /// - Returns: false when too much waits; nothing runs then.
    func run<Answer: Sendable>(
        on loop: any EventLoop, _ work: @escaping @Sendable () -> Answer,
        _ completion: @escaping (Answer?) -> Void
    ) -> Bool {
        let count = waiting.wrappingAdd(1, ordering: .relaxed).newValue
        guard count <= maxWaiting else {
            waiting.wrappingSubtract(1, ordering: .relaxed)
            return false
        }
        queue.set(Int64(count))
        let bound = NIOLoopBound(completion, eventLoop: loop)
        threads.submit { [self] state in
            let answer: Answer? =
                switch state {
                case .active: work()
                case .cancelled: nil
                }
            queue.set(Int64(waiting.wrappingSubtract(1, ordering: .relaxed).newValue))
            loop.execute { bound.value(answer) }
        }
        return true
    }
}
