// swift-tools-version: 6.2
// One line per target: name, place, allowed imports. The compiler enforces the table
// (`--explicit-target-dependency-import-check error`, see Makefile), Tests/Tidy holds it against docs.
import PackageDescription

/// For tests too, which may call C without ceremony.
let testSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .treatWarning("DeprecatedDeclaration", as: .warning),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .enableUpcomingFeature("ImmutableWeakCaptures"),
]

let settings: [SwiftSetting] = testSettings + [.strictMemorySafety()]

/// Benchmarks are programs of few lines: the same language, without the rules for products.
let benchmarkSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6), .enableUpcomingFeature("MemberImportVisibility"),
]

/// Libraries of the system, under the names they have in C.
let systemLibraries: Set = ["CSystemd", "CZlib"]

/// Ours by short name: a module and a type of one name break qualified names, so modules carry a prefix.
func ours(_ names: [String]) -> [Target.Dependency] {
    names.map { .target(name: systemLibraries.contains($0) ? $0 : "Sluice" + $0) }
}

/// `part("Policy", in: "DataPlane/", ...)` is the module SluicePolicy at Sources/DataPlane/Policy.
func part(
    _ name: String, in folder: String = "", imports: [String] = [],
    outside: [Target.Dependency] = [], exclude: [String] = []
) -> Target {
    .target(
        name: "Sluice" + name, dependencies: ours(imports) + outside,
        path: "Sources/" + folder + name, exclude: exclude, swiftSettings: settings)
}

/// Tests mirror sources: `tests("Policy", ...)` is Tests/PolicyTests. They use `package` access.
func tests(_ name: String, _ imports: [String], outside: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: ours(imports) + outside, path: "Tests/\(name)Tests",
        swiftSettings: testSettings)
}

func product(_ name: String, _ package: String) -> Target.Dependency {
    .product(name: name, package: package)
}

let nioCore = product("NIOCore", "swift-nio")
let nioPosix = product("NIOPosix", "swift-nio")
let nioHTTP1 = product("NIOHTTP1", "swift-nio")
let nioSSL = product("NIOSSL", "swift-nio-ssl")
let nioTLS = product("NIOTLS", "swift-nio")
let nioHTTP2 = product("NIOHTTP2", "swift-nio-http2")
let nioHPACK = product("NIOHPACK", "swift-nio-http2")
let httpClient = product("AsyncHTTPClient", "async-http-client")
let x509 = product("X509", "swift-certificates")
let asn1 = product("SwiftASN1", "swift-asn1")
let nioEmbedded = product("NIOEmbedded", "swift-nio")
let protobuf = product("SwiftProtobuf", "swift-protobuf")
let crypto = product("Crypto", "swift-crypto")
let jwtKit = product("JWTKit", "jwt-kit")
let yams = product("Yams", "Yams")
let logging = product("Logging", "swift-log")
let metrics = product("Metrics", "swift-metrics")
let coreMetrics = product("CoreMetrics", "swift-metrics")
let lifecycle = product("ServiceLifecycle", "swift-service-lifecycle")
let unixSignals = product("UnixSignals", "swift-service-lifecycle")
let argumentParser = product("ArgumentParser", "swift-argument-parser")

let stations = ["Framing", "Identity", "Policy", "Sessions", "Upstream"]
let allParts =
    [
        "Vocabulary", "Documents", "Telemetry", "Edge", "PolicyLanguage", "KeySets", "Admin",
        "Discovery", "Reload",
        "DemoServices",
    ]
    + stations

let package = Package(
    name: "sluice",
    products: [.executable(name: "sluice", targets: ["sluice"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        // No traits: SwiftPM passes several on in any order, another in each run, and every change of
        // the order compiles the library again and whatever imports it. Nothing here needs them.
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    ],
    targets: [
        .systemLibrary(
            name: "CSystemd", path: "Sources/CSystemd", pkgConfig: "libsystemd",
            providers: [.apt(["libsystemd-dev"])]),
        .systemLibrary(
            name: "CZlib", path: "Sources/CZlib", pkgConfig: "zlib",
            providers: [.apt(["zlib1g-dev"])]),

        part("Vocabulary"),
        part("Documents", imports: ["Vocabulary"], outside: [yams]),
        part(
            "Telemetry", imports: ["Vocabulary", "CSystemd", "CZlib"],
            outside: [logging, coreMetrics]),

        part(
            "Framing", in: "DataPlane/", imports: ["Vocabulary"], outside: [nioCore, protobuf],
            exclude: [
                "Protos/backend.proto", "Protos/envelope.proto", "Protos/link.proto",
                "Protos/commands.proto",
            ]),
        part("Identity", in: "DataPlane/", imports: ["Vocabulary"], outside: [jwtKit, crypto]),
        part("Policy", in: "DataPlane/", imports: ["Vocabulary"]),
        part(
            "Sessions", in: "DataPlane/", imports: ["Vocabulary", "Framing", "Telemetry"],
            outside: [nioCore]),
        part(
            "Upstream", in: "DataPlane/",
            imports: ["Vocabulary", "Framing", "Telemetry", "Policy"],
            outside: [nioCore, nioPosix, nioHTTP1, nioHTTP2, nioHPACK, nioSSL, nioTLS]),
        part(
            "Edge", in: "DataPlane/", imports: ["Vocabulary", "Telemetry"] + stations,
            outside: [nioCore, nioPosix, nioHTTP1, nioHTTP2, nioHPACK, nioSSL, nioTLS]),

        part(
            "PolicyLanguage", in: "ControlPlane/", imports: ["Vocabulary", "Documents", "Policy"],
            outside: [crypto]),
        part(
            "KeySets", in: "ControlPlane/", imports: ["Identity"],
            outside: [nioCore, nioHTTP1, nioSSL, httpClient]),
        part(
            "Discovery", in: "ControlPlane/", imports: ["Vocabulary"],
            outside: [nioCore, nioPosix, nioHTTP1, nioSSL, httpClient]),
        part(
            "Admin", in: "ControlPlane/", imports: ["Vocabulary", "Telemetry"],
            outside: [nioCore, nioPosix, nioHTTP1]),
        part(
            "Reload", in: "ControlPlane/",
            imports: ["Vocabulary", "Documents", "PolicyLanguage", "Policy", "Telemetry"]),

        part(
            "DemoServices", imports: ["Vocabulary", "Framing"], outside: [nioCore, nioPosix]),
        part(
            "Gateway", imports: allParts,
            outside: [
                nioCore, nioPosix, nioSSL, httpClient, x509, asn1, crypto, lifecycle, unixSignals,
                logging, coreMetrics,
            ]),
        part("JournalReader", imports: ["Vocabulary", "CSystemd"]),
        part(
            "PolicyTools",
            imports: ["Vocabulary", "Documents", "Policy", "PolicyLanguage", "JournalReader"]),
        part(
            "Tools",
            imports: [
                "Vocabulary", "Documents", "Identity", "Policy", "PolicyLanguage", "PolicyTools",
                "Gateway",
            ]),
        .executableTarget(
            name: "sluice",
            dependencies: ours(["Gateway", "JournalReader", "PolicyTools", "Tools"])
                + [argumentParser],
            path: "Sources/sluice", swiftSettings: settings),

        // Benchmarks share this package, and so its build of the dependencies: docs/decisions/0004.
        .target(
            name: "CAllocationCounter", path: "Benchmarks/AllocationCounter",
            publicHeadersPath: "include"),
        .executableTarget(
            name: "message-path",
            dependencies: [.target(name: "CAllocationCounter")]
                + ours(
                    [
                        "Vocabulary", "Documents", "Telemetry", "Edge", "PolicyLanguage",
                        "TestSupport",
                    ] + stations)
                + [nioCore, nioEmbedded],
            path: "Benchmarks/MessagePath", swiftSettings: benchmarkSettings),
        .executableTarget(
            name: "policy-decision",
            dependencies: [.target(name: "CAllocationCounter")]
                + ours(["Vocabulary", "Documents", "Policy", "PolicyLanguage"]),
            path: "Benchmarks/PolicyDecision", swiftSettings: benchmarkSettings),

        .executableTarget(
            name: "balance",
            dependencies: [.target(name: "CAllocationCounter")]
                + ours(["Vocabulary", "Upstream"]) + [nioCore, nioEmbedded],
            path: "Benchmarks/Balance", swiftSettings: benchmarkSettings),

        .executableTarget(
            name: "websocket-echo",
            dependencies: ours(["Vocabulary", "Framing"]) + [nioCore, nioPosix, nioHTTP1],
            path: "Benchmarks/WebSocketEcho", swiftSettings: benchmarkSettings),

        .target(
            name: "SluiceTestSupport", dependencies: [nioCore], path: "Tests/Support",
            swiftSettings: testSettings),
        tests("Vocabulary", ["Vocabulary"]),
        tests("Documents", ["Documents", "Vocabulary"]),
        tests("Framing", ["Framing", "Vocabulary"], outside: [nioCore, protobuf]),
        tests("Identity", ["Identity", "Vocabulary"], outside: [crypto]),
        tests("Policy", ["Policy", "Vocabulary"]),
        tests("PolicyLanguage", ["PolicyLanguage", "Policy", "Documents", "Vocabulary"]),
        tests("Telemetry", ["Telemetry", "Vocabulary"], outside: [logging, coreMetrics]),
        tests(
            "Sessions", ["Sessions", "Framing", "Telemetry", "Vocabulary"],
            outside: [nioCore, nioEmbedded]),
        tests(
            "Upstream",
            ["Upstream", "Framing", "Policy", "Telemetry", "TestSupport", "Vocabulary"],
            outside: [nioCore, nioPosix, nioEmbedded, nioHTTP2, nioHPACK]),
        tests(
            "Edge",
            ["Vocabulary", "Documents", "Telemetry", "Edge", "PolicyLanguage", "TestSupport"]
                + stations,
            outside: [nioCore, nioEmbedded, nioHTTP1]),
        tests("Admin", ["Admin", "Telemetry", "Vocabulary"], outside: [nioCore, nioPosix]),
        tests("Discovery", ["Discovery"], outside: [nioCore, nioPosix]),
        tests(
            "Reload",
            ["Reload", "Documents", "PolicyLanguage", "Policy", "Telemetry", "Vocabulary"]),
        tests(
            "DemoServices", ["DemoServices", "Framing", "Vocabulary"],
            outside: [nioCore, nioPosix, protobuf]),
        tests(
            "Gateway", ["Gateway", "Edge", "Identity", "Documents", "Vocabulary"],
            outside: [nioCore, nioPosix, x509, asn1, crypto]),
        tests("JournalReader", ["JournalReader", "Vocabulary"]),
        tests(
            "PolicyTools",
            [
                "PolicyTools", "JournalReader", "PolicyLanguage", "Policy", "Documents",
                "Vocabulary",
            ]),
        tests(
            "Tools", ["Tools", "PolicyTools", "Gateway", "Identity", "Documents", "Vocabulary"],
            outside: [nioCore, nioPosix]),
    ]
)
