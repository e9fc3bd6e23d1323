import Glibc

/// Starts the thread on which a journal's writer runs.
enum WriterThread {
    static func start(for journal: Journal) {
        let context = unsafe Unmanaged.passRetained(journal).toOpaque()
        var thread = pthread_t()
        let result = unsafe pthread_create(&thread, nil, writerMain, context)
        precondition(result == 0, "no thread left for the journal's writer")
        pthread_detach(thread)
    }

    /// Signals belong to the main thread, and a closed pipe must be an error number.
    fileprivate static func blockSignals() {
        var all = sigset_t()
        unsafe sigfillset(&all)
        unsafe pthread_sigmask(SIG_BLOCK, &all, nil)
    }

    /// What `top -H` shows; where it cannot be set nothing else is lost.
    fileprivate static func setName() {
        let descriptor = unsafe open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        _ = LineSink(descriptor: descriptor).write(Array("sluice-journal".utf8))
        close(descriptor)
    }
}

private func writerMain(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context = unsafe context else { return nil }
    let journal = unsafe Unmanaged<Journal>.fromOpaque(context).takeRetainedValue()
    WriterThread.blockSignals()
    WriterThread.setName()
    var writer = JournalWriter(journal: journal)
    writer.run()
    return nil
}
