import SluicePolicy

/// The rules of a set as tables for a person.
enum PolicyRuleTables {
    static func lines(_ model: PolicyModel) -> [String] {
        var lines: [String] = []
        if !model.limits.isEmpty {
            lines += [""] + limits(model.limits.map(LimitRow.init)).lines(isTerminal: true)
        }
        if !model.permissions.isEmpty {
            let rows = model.permissions.map(PermissionRow.init)
            lines += [""] + permissions(rows).lines(isTerminal: true)
        }
        let verdict = model.permitsByDefault ? "permit" : "deny"
        return lines + ["", "default: \(verdict)"]
    }

    private static func limits(_ rows: [LimitRow]) -> TextTable {
        var table = TextTable(["LIMIT", "ACTIONS", "KEY", "ALGORITHM", "NUMBERS", "OVER IT"])
        for row in rows {
            table.add([
                row.name, row.actions, row.key, row.algorithm, row.numbers,
                row.shadow ? "shadow (\(row.over))" : row.over,
            ])
        }
        return table
    }

    private static func permissions(_ rows: [PermissionRow]) -> TextTable {
        var table = TextTable(["PERMISSION", "EFFECT", "WHO", "ACTIONS", "WHEN"])
        for row in rows {
            table.add([
                row.name, row.shadow ? "shadow (\(row.effect))" : row.effect, row.who, row.actions,
                row.when ?? "",
            ])
        }
        return table
    }
}
