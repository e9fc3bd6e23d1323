import Glibc

/// What every Prometheus client tells of its process, read from `/proc` at a scrape (`proc(5)`).
package enum ProcessMetrics {
    /// Adds the `process_*` families to the page.
    package static func register(in registry: MetricsRegistry) {
        registry.observe(.processCPU) { Self.one(ProcessStatus.read()?.cpuSeconds) }
        registry.observe(.processVirtualMemory) { Self.one(ProcessStatus.read()?.virtualBytes) }
        registry.observe(.processResidentMemory) { Self.one(ProcessStatus.read()?.residentBytes) }
        registry.observe(.processThreads) { Self.one(ProcessStatus.read()?.threads) }
        registry.observe(.processStartTime) { Self.one(ProcessStatus.read()?.startSeconds) }
        registry.observe(.processOpenDescriptors) { Self.one(openDescriptors()) }
        registry.observe(.processMaxDescriptors) { Self.one(maxDescriptors()) }
    }

    /// Adds `sluice_build_info`.
    package static func registerBuild(version: String, in registry: MetricsRegistry) {
        #if compiler(>=6.3)
            let swift = "6.3"
        #else
            let swift = "6.2"
        #endif
        registry.observe(.buildInfo) { [([version, swift], 1)] }
    }

    private static func one(_ value: Double?) -> [ObservedSeries] {
        value.map { [(labels: [], value: $0)] } ?? []
    }

    private static func openDescriptors() -> Double? {
        guard let directory = unsafe opendir("/proc/self/fd") else { return nil }
        defer { unsafe closedir(directory) }
        var count = 0
        while unsafe readdir(directory) != nil { count += 1 }
        // Without `.`, `..` and the descriptor of this very directory.
        return Double(max(0, count - 3))
    }

    private static func maxDescriptors() -> Double? {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return nil
        }
        return Double(limit.rlim_cur)
    }
}

/// The fields of `/proc/self/stat` that are shown.
private struct ProcessStatus {
    let cpuSeconds: Double
    let threads: Double
    let startSeconds: Double
    let virtualBytes: Double
    let residentBytes: Double

    static func read() -> Self? {
        guard let line = SmallFile.read("/proc/self/stat"),
            let boot = SmallFile.read("/proc/stat")?.split(separator: "\n")
                .first(where: { $0.hasPrefix("btime ") }).flatMap({ Double($0.dropFirst(6)) }),
            // The program's name may hold blanks and brackets; the rest starts after the last one.
            let close = line.lastIndex(of: ")")
        else { return nil }
        let fields = line[line.index(after: close)...].split(separator: " ").map { Double($0) ?? 0 }
        guard fields.count > 21 else { return nil }
        let ticks = Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
        // Field n of proc(5) stands at n - 3: the first two are cut off and counting starts at 1.
        return Self(
            cpuSeconds: (fields[11] + fields[12]) / ticks, threads: fields[17],
            startSeconds: boot + fields[19] / ticks, virtualBytes: fields[20],
            residentBytes: fields[21] * Double(sysconf(Int32(_SC_PAGESIZE))))
    }
}

/// Reads files of the kernel, which have no size until read.
private enum SmallFile {
    static func read(_ path: String) -> String? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes { bytes in
                unsafe Glibc.read(descriptor, bytes.baseAddress, bytes.count)
            }
            if count <= 0 { return count == 0 ? String(decoding: text, as: UTF8.self) : nil }
            text.append(contentsOf: chunk[0..<count])
        }
    }
}
