import Glibc

/// Starts threads that may block where an event loop must not: the journal's writer, and its reader.
enum WriterThread {
    static func start(for journal: Journal) {
        start(named: "sluice-journal") {
            var writer = JournalWriter(journal: journal)
            writer.run()
        }
    }

    /// - Parameter name: what `top -H` shows, at most 15 bytes (`proc(5)`).
    static func start(named name: String, _ body: @escaping @Sendable () -> Void) {
        let context = unsafe Unmanaged.passRetained(ThreadBody(name: name, body: body)).toOpaque()
        var thread = pthread_t()
        let result = unsafe pthread_create(&thread, nil, threadMain, context)
        precondition(result == 0, "no thread left for \(name)")
        pthread_detach(thread)
    }

    /// Signals belong to the main thread, and a closed pipe must be an error number.
    fileprivate static func blockSignals() {
        var all = sigset_t()
        unsafe sigfillset(&all)
        unsafe pthread_sigmask(SIG_BLOCK, &all, nil)
    }

    /// Where it cannot be set nothing else is lost.
    fileprivate static func setName(_ name: String) {
        let descriptor = unsafe open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        _ = LineSink(descriptor: descriptor).write(Array(name.utf8))
        close(descriptor)
    }
}

/// What a thread is to do, on its way there.
private final class ThreadBody: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
}

private func threadMain(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context = unsafe context else { return nil }
    let thread = unsafe Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue()
    WriterThread.blockSignals()
    WriterThread.setName(thread.name)
    thread.body()
    return nil
}
