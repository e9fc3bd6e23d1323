import Testing

/// Policies with something wrong, and exactly what must be said about it.
struct BrokenPolicy: Sendable, CustomTestStringConvertible {
    let name: String
    /// Files `a.yaml`, `b.yaml`, ...
    let files: [String]
    let findings: String

    init(_ name: String, _ files: String..., says findings: String) {
        self.name = name
        self.files = files
        self.findings = findings
    }

    var testDescription: String { name }
}
