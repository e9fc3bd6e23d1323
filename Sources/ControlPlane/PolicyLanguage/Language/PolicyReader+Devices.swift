import SluiceDocuments
import SluicePolicy

extension PolicyReader {
    /// `devices: {classes: {mobile: [ios, android]}, rule: one_per_class, on_conflict: refuse}`.
    func readDevices(_ value: DocumentValue) {
        guard let mapping = value.mapping(sink) else { return }
        var devices = DevicePolicy()
        if let rule = mapping.required("rule").flatMap({ deviceRule($0) }) { devices.rule = rule }
        if let classes = mapping.optional("classes")?.mapping(sink) {
            devices.classByPlatform = readClasses(classes)
        }
        let conflict = mapping.optional("on_conflict")?.choice(
            sink, of: ["refuse": true, "replace": false])
        devices.refusesNewer = conflict ?? false
        mapping.finish()
        checkIdleKeys(devices, mapping)
        model.devices = devices
    }

    private func deviceRule(_ value: DocumentValue) -> DevicePolicy.Rule? {
        if case .mapping = value.kind, let mapping = value.mapping(sink) {
            let most = mapping.required("max")?.integer(sink, in: 1...1_000_000)
            mapping.finish()
            return most.map { .max(Int($0)) }
        }
        let words: [String: DevicePolicy.Rule] = [
            "allow_all": .allowAll, "one_per_class": .onePerClass, "one_in_all": .oneInAll,
        ]
        if let rule = words[value.text] { return rule }
        let hint =
            Int(value.text).map { "write `{max: \($0)}`" }
            ?? nearestHint(for: value.text, among: words.keys.sorted())
        return value.expected(
            "one of `allow_all`, `one_per_class`, `one_in_all`, or `{max: 3}`", sink, hint: hint)
    }

    /// Class by platform.
    private func readClasses(_ classes: DocumentMapping) -> [String: String] {
        var classByPlatform: [String: String] = [:]
        for entry in classes.entries {
            guard let list = classes.optional(entry.key),
                isName(entry.key, what: "class", at: entry.keyPosition),
                let items = list.list(sink)
            else { continue }
            if items.isEmpty {
                sink.error("the list is empty", at: list.position, hint: "name at least one")
            }
            for item in items {
                guard let platform = item.nonEmptyString(sink, maxCharacters: 64) else { continue }
                if let other = classByPlatform[platform], other != entry.key {
                    sink.error(
                        "`\(platform)` is in the class `\(other)` already", at: item.position,
                        hint: "a platform has one class")
                } else {
                    classByPlatform[platform] = entry.key
                }
            }
        }
        return classByPlatform
    }

    /// Parts that the rule never asks for.
    private func checkIdleKeys(_ devices: DevicePolicy, _ mapping: DocumentMapping) {
        guard
            case .string(let rule) = mapping.entries.first(where: { $0.key == "rule" })?.value.kind
        else { return }
        if devices.rule == .allowAll, mapping.contains("on_conflict") {
            sink.warning(
                "with `rule: allow_all` there is never a conflict",
                at: mapping.keyPosition("on_conflict"), hint: "remove `on_conflict`")
        }
        if devices.rule != .onePerClass, mapping.contains("classes") {
            sink.warning(
                "`rule: \(rule)` does not look at classes", at: mapping.keyPosition("classes"),
                hint: "remove them, or write `rule: one_per_class`")
        }
    }
}
