/// From files to a snapshot: parsing, checks, compilation, revision.
enum LoadBenchmark {
    static func run(rules: Int) throws -> [Result] {
        let policy = LargePolicy(rules: rules)
        var least = Double.infinity
        for _ in 0..<3 { least = min(least, try cpu { _ = try policy.compile() }) }
        return [
            Result(name: "load \(rules) rules", value: least / 1e6, unit: "ms", atMost: 1_000)
        ]
    }
}
