import SluicePolicy

extension Walk {
    /// Whether engine and reference part on this walk; nil when they do not.
    func problem() -> String? {
        let replay = Replay(self)
        for (number, operation) in operations {
            if let problem = replay.perform(number, operation).0 { return problem }
        }
        return replay.countersDiffer() ?? replay.leak()
    }

    /// A shorter walk on which they still part: leaves out ever smaller pieces while any can go.
    func shrunk() -> Self {
        var best = self
        var size = max(1, operations.count / 2)
        while size >= 1 {
            var start = 0
            while start < best.operations.count {
                var shorter = best
                let end = min(start + size, best.operations.count)
                shorter.operations.removeSubrange(start..<end)
                if shorter.problem() != nil { best = shorter } else { start = end }
            }
            size /= 2
        }
        return best.withFewerRules()
    }

    private func withFewerRules() -> Self {
        var best = self
        for index in model.limits.indices.reversed() {
            var shorter = best
            shorter.model.limits.remove(at: index)
            if shorter.problem() != nil { best = shorter }
        }
        for index in model.permissions.indices.reversed() {
            var shorter = best
            shorter.model.permissions.remove(at: index)
            if shorter.problem() != nil { best = shorter }
        }
        return best
    }

    /// All that somebody needs to see the difference with a pencil.
    var text: String {
        let named = Set(
            operations.compactMap { step in
                if case .call(let connection, _, _, _, _) = step.operation {
                    connection
                } else {
                    nil
                }
            })
        let lines =
            model.lines + named.sorted().map { "connection \($0): \(callers[$0])" }
            + operations.map { "\($0.number): \($0.operation)" }
        let modules = ["SluicePolicy.", "SluiceVocabulary.", "PolicyTests."]
        return modules.reduce(lines.joined(separator: "\n")) { $0.replacing($1, with: "") }
    }
}
