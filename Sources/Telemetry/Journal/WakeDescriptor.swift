import Glibc

/// Wakes a thread that waits; several signals before it looks count as one (`eventfd(2)`).
final class WakeDescriptor: Sendable {
    private let descriptor: Int32

    init() {
        descriptor = eventfd(0, Int32(EFD_CLOEXEC.rawValue) | Int32(EFD_NONBLOCK.rawValue))
        precondition(descriptor >= 0, "no descriptor left for the journal's writer")
    }

    deinit { close(descriptor) }

    /// Never blocks: the counter saturates long after 2^63 signals.
    func signal() {
        // Fails only when the counter is full, and then the reader is awake anyway.
        _ = unsafe eventfd_write(descriptor, 1)
    }

    /// Waits for a signal and takes it back.
    ///
    /// - Parameter milliseconds: how long at most; -1 = for ever.
    /// - Returns: false when the time was up.
    @discardableResult
    func wait(milliseconds: Int32) -> Bool {
        var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        let count = unsafe poll(&wanted, 1, milliseconds)
        guard count > 0 else { return false }
        var value: eventfd_t = 0
        _ = unsafe eventfd_read(descriptor, &value)
        return true
    }
}
