// swift-tools-version: 6.2
// Fuzzers for what reads bytes from outside, and policy files. Not part of the main package: they need a sanitizer.
//
//     swift build -c release --sanitize fuzzer --sanitize address --product FuzzEnvelope
//     mkdir -p .build/envelope
//     .build/release/FuzzEnvelope .build/envelope FailCases/envelope \
//         -artifact_prefix=FailCases/envelope/ -max_total_time=60
//
// `Seeds` holds inputs to begin with: FuzzHTTP .build/http FailCases/http Seeds/http
// and words to make some of: FuzzPolicy -dict=Seeds/policy.dict .build/policy FailCases/policy Seeds/policy
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

let framing: [Target.Dependency] = [
    "SluiceVocabulary", "SluiceFraming", .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "SwiftProtobuf", package: "swift-protobuf"),
]

func fuzzer(_ name: String, _ dependencies: [Target.Dependency] = framing) -> Target {
    .executableTarget(
        name: "Fuzz" + name, dependencies: dependencies,
        path: name, swiftSettings: strict,
        linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address"])])
}

let package = Package(
    name: "sluice-fuzz",
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
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
        .target(
            name: "SluiceDocuments",
            dependencies: ["SluiceVocabulary", .product(name: "Yams", package: "Yams")],
            path: "Sources/Documents", swiftSettings: strict),
        .target(
            name: "SluicePolicy", dependencies: ["SluiceVocabulary"], path: "Sources/Policy",
            swiftSettings: strict),
        .target(
            name: "SluicePolicyLanguage",
            dependencies: [
                "SluiceVocabulary", "SluiceDocuments", "SluicePolicy",
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            path: "Sources/PolicyLanguage", swiftSettings: strict),
        fuzzer("Envelope"), fuzzer("JSON"), fuzzer("WebSocket"), fuzzer("Link"), fuzzer("Proxy"),
        fuzzer(
            "HTTP",
            framing + [
                "SluiceHTTPWire", .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ]),
        fuzzer(
            "Policy",
            ["SluiceVocabulary", "SluiceDocuments", "SluicePolicy", "SluicePolicyLanguage"]),
    ]
)
