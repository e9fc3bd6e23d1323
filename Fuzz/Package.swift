// swift-tools-version: 6.2
// Fuzzers for what reads bytes from outside. Not part of the main package: they need a sanitizer.
//
//     swift build -c release --sanitize fuzzer --sanitize address --product FuzzEnvelope
//     mkdir -p .build/envelope
//     .build/release/FuzzEnvelope .build/envelope FailCases/envelope \
//         -artifact_prefix=FailCases/envelope/ -max_total_time=60
//
// `Seeds` holds inputs to begin with: FuzzHTTP .build/http FailCases/http Seeds/http
//
// `Sources` links to the main package's folders, so that what is fuzzed is built here with coverage;
// a package dependency would be built without and the fuzzer would be blind.
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .enableUpcomingFeature("ImmutableWeakCaptures"),
    // Coverage and AddressSanitizer; `-parse-as-library` because libFuzzer brings `main`.
    .unsafeFlags(["-sanitize=fuzzer,address", "-parse-as-library"]),
]

func fuzzer(_ name: String, _ more: [Target.Dependency] = []) -> Target {
    .executableTarget(
        name: "Fuzz" + name,
        dependencies: [
            "SluiceVocabulary", "SluiceFraming",
            .product(name: "NIOCore", package: "swift-nio"),
            .product(name: "SwiftProtobuf", package: "swift-protobuf"),
        ] + more,
        path: name, swiftSettings: strict,
        linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address"])])
}

let package = Package(
    name: "sluice-fuzz",
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    ],
    targets: [
        .target(name: "SluiceVocabulary", path: "Sources/Vocabulary", swiftSettings: strict),
        .target(
            name: "SluiceFraming",
            dependencies: [
                "SluiceVocabulary",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            path: "Sources/Framing",
            exclude: ["Protos/envelope.proto", "Protos/commands.proto", "Protos/link.proto"],
            swiftSettings: strict),
        .target(
            name: "SluiceHTTPWire",
            dependencies: [
                "SluiceFraming",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            path: "Sources/HTTPWire", swiftSettings: strict),
        fuzzer("Envelope"), fuzzer("JSON"), fuzzer("WebSocket"), fuzzer("Link"), fuzzer("Proxy"),
        fuzzer(
            "HTTP",
            [
                "SluiceHTTPWire", .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ]),
    ]
)
