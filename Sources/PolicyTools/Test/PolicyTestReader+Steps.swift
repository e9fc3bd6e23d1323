import SluiceDocuments
import SluicePolicy
import SluiceVocabulary

extension PolicyTestReader {
    static let stepKeys = ["at", "send", "reload", "expect"]
    static let sendKeys =
        [
            "as", "action", "times", "every", "hold", "bytes", "topic", "login_user", "method",
            "headers",
        ]
        + Caller.connectionKeys
    /// A test ends within so long: a leap year, so that quotas of a year can be tested.
    static let longestNanoseconds: Int64 = 800 * 86_400 * 1_000_000_000

    /// One entry of `steps`.
    ///
    /// - Parameter clock: time since the test began; moved on to the end of the step.
    func readStep(
        _ value: DocumentValue, number: Int, clock: inout Int64
    ) -> PolicyTestStep? {
        guard let mapping = value.mapping(sink) else { return nil }
        let errors = sink.list.errors.count
        let at = readTime(mapping, clock: clock)
        clock = at
        var work: PolicyTestStep.Work?
        if mapping.contains("send"), mapping.contains("reload") {
            sink.error(
                "a step does one thing: `send` or `reload`", at: mapping.keyPosition("reload"),
                hint: "make two steps of it")
        }
        if mapping.contains("reload") {
            mapping.accept("expect")
            if let source = mapping.optional("reload").flatMap(reloadSource) {
                sets.append(source)
                work = .reload(source)
            }
            if mapping.contains("expect") {
                sink.error(
                    "a reload has nothing to expect", at: mapping.keyPosition("expect"),
                    hint: "expect it of the next `send`")
            }
            mapping.accept("send")
        } else if let calls = mapping.required("send").flatMap(readCalls) {
            work = .send(calls)
            clock = end(of: calls, from: at, mapping)
        }
        var expectations: [Expectation] = []
        if !mapping.contains("reload"), let expect = mapping.optional("expect") {
            var times: Int?
            if case .send(let calls) = work { times = calls.times }
            expectations = readExpectations(expect, times: times)
        }
        mapping.accept(contentsOf: Self.stepKeys)
        mapping.finish()
        guard let work, sink.list.errors.count == errors else { return nil }
        return PolicyTestStep(
            number: number, position: mapping.position, atNanoseconds: at, work: work,
            expectations: expectations)
    }

    private func readTime(_ mapping: DocumentMapping, clock: Int64) -> Int64 {
        guard let value = mapping.optional("at"),
            let at = value.duration(sink, in: 0...Self.longestNanoseconds)
        else { return clock }
        guard at >= clock else {
            sink.error(
                "the clock stands at \(durationText(nanoseconds: clock)) already",
                at: value.position, hint: "steps follow one another in time")
            return clock
        }
        return at
    }

    /// When the last of the calls comes.
    private func end(
        of calls: PolicyTestCalls, from start: Int64, _ mapping: DocumentMapping
    ) -> Int64 {
        let end = start + calls.spanNanoseconds
        if end <= Self.longestNanoseconds { return end }
        sink.error(
            "the last call comes after \(durationText(nanoseconds: Self.longestNanoseconds))",
            at: mapping.keyPosition("send"), hint: "lower `times` or `every`")
        return start
    }

    private func readCalls(_ value: DocumentValue) -> PolicyTestCalls? {
        guard let mapping = value.mapping(sink) else { return nil }
        var caller = readCaller(mapping)
        let reader = CallerReader(claimsUsed: source.snapshot.claimsUsed, sink: sink)
        reader.readConnection(mapping, into: &caller)
        let action = mapping.required("action")?.string(sink)
        if let action, catalog.action(named: action) == nil {
            sink.error(
                "there is no action `\(action)`",
                at: mapping.optional("action")?.position ?? mapping.position,
                hint: catalog.hint(for: action))
        }
        var call = CallDescription(caller: caller, action: action ?? "")
        call.bytes = Int(
            mapping.optional("bytes")?.byteCount(sink, in: 0...1_000_000_000_000) ?? 0)
        call.topic = mapping.optional("topic")?.string(sink)
        call.loginUser = mapping.optional("login_user")?.string(sink)
        call.method = mapping.optional("method")?.nonEmptyString(sink)
        if let headers = mapping.optional("headers") { call.headers = readHeaders(headers) }
        var calls = PolicyTestCalls(call: call)
        let most = Int64(PolicyTestCalls.most)
        calls.times = Int(mapping.optional("times")?.integer(sink, in: 1...most) ?? 1)
        let hour: Int64 = 3_600_000_000_000
        calls.everyNanoseconds = mapping.optional("every")?.duration(sink, in: 1...hour) ?? 0
        calls.holdNanoseconds =
            mapping.optional("hold")?.duration(sink, in: 0...Self.longestNanoseconds) ?? 0
        mapping.finish()
        return calls
    }

    /// The fixture named by `as`; somebody who has not authenticated without it.
    private func readCaller(_ mapping: DocumentMapping) -> Caller {
        guard let value = mapping.optional("as"), let name = value.string(sink) else {
            return Caller()
        }
        if let known = fixtures[name] { return known ?? Caller() }
        let hint =
            fixtures.isEmpty
            ? "describe it under `fixtures:`"
            : suggestion(for: name, among: fixtures.keys.sorted())
        sink.error("there is no fixture `\(name)`", at: value.position, hint: hint)
        return Caller()
    }

    private func readHeaders(_ value: DocumentValue) -> [String: String] {
        guard let mapping = value.mapping(sink) else { return [:] }
        var headers: [String: String] = [:]
        for entry in mapping.entries {
            headers[entry.key.lowercased()] = mapping.optional(entry.key)?.string(sink)
        }
        return headers
    }
}

extension DocumentMapping {
    /// Marks keys as known, so that a misspelt one is told the nearest.
    func accept(contentsOf keys: [String]) {
        for key in keys { accept(key) }
    }
}
