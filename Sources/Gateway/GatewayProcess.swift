import Glibc
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import SluiceAdmin
import SluiceDiscovery
import SluiceEdge
import SluiceKeySets
import SluiceReload
import SluiceTelemetry
import SluiceVocabulary
import Synchronization
import UnixSignals

/// A started gateway until its end: signals, reloads, upkeep, drain.
struct GatewayProcess: Sendable {
    let configuration: Configuration
    let gateway: RunningGateway
    let reloader: Reloader<Blueprint>
    let room: ControlRoom
    let admin: AdminServer
    let adminPort: Int
    let metrics: PolicyMetrics
    let keySource: KeySetSource
    let membership: Membership?
    /// What the process started with.
    let blueprint: Blueprint
    let around: Startup.Surroundings

    /// Serves until a signal ends it. Returns the exit code.
    func run(_ signals: Signals) async -> Int32 {
        let logger = Logger(label: "sluice")
        guard writePIDFile() else {
            await gateway.abandonListeners()
            return 1
        }
        let stop = StopSwitch()
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    .init(service: ReloadService(reloader: reloader, signals: signals.reload)),
                    .init(
                        service: UpkeepService(
                            metrics: metrics, gateway: gateway, clocks: around.clocks)),
                    .init(service: KeySourceService(source: keySource)),
                    .init(service: DumpService(room: room, around: around, signals: signals.dump)),
                    .init(
                        service: EdgeService(process: self, stop: stop),
                        successTerminationBehavior: .gracefullyShutdownGroup),
                ],
                logger: logger))
        await open()
        await membership?.start(blueprint.discovery)
        let stopping = Task { await stop.follow(signals.stop, group) }
        var code: Int32 = 0
        do {
            try await group.run()
        } catch {
            ThisProcess.complain("sluice: stopped by an error: \(error)")
            code = 1
        }
        stopping.cancel()
        await finish()
        return code
    }

    /// Takes clients, and says so.
    private func open() async {
        let places = around.listeners.map(\.endpoint.text).joined(separator: ", ")
        // Before the first client: what a replay finds of this process comes after its start.
        around.journal.writeEvent(
            MessageID.started, "sluice started: clients \(places), admin \(adminPort)",
            clocks: around.clocks)
        await gateway.accept()
        Systemd.notify("READY=1\nSTATUS=serving \(places)")
        ThisProcess.complain("sluice: clients on \(places), admin on port \(adminPort)")
        if around.demo != nil {
            let token = String(decoding: around.adminToken ?? [], as: UTF8.self)
            ThisProcess.complain(
                Demo.banner(around.listeners, adminPort: adminPort, adminToken: token))
        }
    }

    /// Lets clients go; called once, when the first stop signal has come.
    func drain(_ stop: StopSwitch) async {
        _ = room.startDraining()
        Systemd.notify("STOPPING=1\nSTATUS=draining")
        around.journal.writeEvent(
            MessageID.stopping, "sluice stops: draining", clocks: around.clocks)
        // Out of the registry first: balancers stop sending clients before the doors close.
        await membership?.leave()
        await gateway.drain(
            deadlineMilliseconds: configuration.drainDeadlineMilliseconds,
            isCutShort: { stop.count > 1 })
    }

    private func finish() async {
        await gateway.stop()
        await admin.stop()
        await around.discovery.stop()
        await membership?.directory.stop()
        if let demo = around.demo { await demo.stop() }
        around.suppressed?.stop()
        let lost = around.journal.stop(deadlineMilliseconds: 3_000)
        if lost > 0 { ThisProcess.complain("sluice: \(lost) journal entries were lost at the end") }
        try? await around.group.shutdownGracefully()
        if !configuration.pidFile.isEmpty { unsafe _ = unlink(configuration.pidFile) }
    }

    private func writePIDFile() -> Bool {
        guard !configuration.pidFile.isEmpty else { return true }
        if let file = unsafe fopen(configuration.pidFile, "w") {
            let isWritten = unsafe fputs("\(ThisProcess.pid)\n", file) >= 0
            // A full disk shows when the buffer is written out.
            if unsafe fclose(file) == 0, isWritten { return true }
        }
        ThisProcess.complain(
            "sluice: cannot write pid_file \(configuration.pidFile): \(ThisProcess.reason(errno))")
        return false
    }
}

/// The signals the process serves, trapped from the first moment on.
struct Signals: Sendable {
    let stop: UnixSignalsSequence
    let reload: UnixSignalsSequence
    let dump: UnixSignalsSequence

    init() async {
        stop = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        reload = await UnixSignalsSequence(trapping: .sighup)
        dump = await UnixSignalsSequence(trapping: .sigusr1)
    }
}

/// Counts the signals that ask to stop: the first drains, the second cuts the drain short.
final class StopSwitch: Sendable {
    private let signals = Atomic<Int>(0)

    var count: Int { signals.load(ordering: .relaxed) }

    func follow(_ stop: UnixSignalsSequence, _ group: ServiceGroup) async {
        for await _ in stop {
            signals.wrappingAdd(1, ordering: .relaxed)
            if count == 1 { await group.triggerGracefulShutdown() }
        }
    }
}

/// The edge as a service of the lifecycle: it serves by itself; its end is the drain.
struct EdgeService: Service {
    let process: GatewayProcess
    let stop: StopSwitch

    func run() async throws {
        try? await gracefulShutdown()
        await process.drain(stop)
    }
}

/// SIGHUP: read everything again, all or nothing.
struct ReloadService: Service {
    let reloader: Reloader<Blueprint>
    let signals: UnixSignalsSequence

    func run() async throws {
        await withTaskGroup(of: Void.self) { tasks in
            for await _ in signals.cancelOnGracefulShutdown() {
                tasks.addTask { await reloader.reload() }
            }
        }
    }
}

/// What must be done now and then: forgetting full buckets, feeding systemd's watchdog.
struct UpkeepService: Service {
    let metrics: PolicyMetrics
    let gateway: RunningGateway
    let clocks: SystemClocks

    func run() async throws {
        // Pings at half of what systemd asks for, as sd_watchdog_enabled(3) advises.
        let watchdog = Systemd.watchdogMicroseconds.map { Int64(clamping: $0 / 2) }
        let pause = Duration.microseconds(min(10_000_000, watchdog ?? 10_000_000))
        // Ends by cancellation when the gateway stops: that is no error.
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try await Task.sleep(for: pause)
                metrics.forgetUnusedBuckets(now: clocks.monotonic(), wall: clocks.wall())
                // A loop that hangs never answers, and systemd hears nothing.
                if watchdog != nil, await !gateway.sizes().isEmpty { Systemd.watchdog() }
            }
        }
    }
}

/// SIGUSR1: the state of everything as one journal entry.
struct DumpService: Service {
    let room: ControlRoom
    let around: Startup.Surroundings
    let signals: UnixSignalsSequence

    func run() async throws {
        for await _ in signals.cancelOnGracefulShutdown() {
            around.journal.writeEvent(
                MessageID.state, "state: \(await room.dump())", clocks: around.clocks)
        }
    }
}
