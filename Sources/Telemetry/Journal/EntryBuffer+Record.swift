import SluiceVocabulary

/// Which fields a record has. Absent values are left out.
extension EntryBuffer {
    mutating func encode(_ record: AccessRecord) {
        clear()
        appendHead(record)
        if let label = record.connection { append(label, requestNumber: record.requestNumber) }
        appendDecision(record)
        appendService(record)
        appendMeasures(record)
        if !record.extra.isEmpty { append(extra: record.extra) }
    }

    private mutating func appendHead(_ record: AccessRecord) {
        if let message = record.message {
            text(.message, message, maxBytes: Self.maxLongTextBytes)
        } else {
            begin(JournalField.message.rawValue)
            appendLine(record)
            end()
        }
        number(.priority, UInt64(record.journalPriority))
        text(.identifier, "sluice")
        if let id = record.messageID { text(.messageID, id) }
        text(.event, record.event.name)
        number(.time, UInt64(clamping: record.time.microseconds))
        if let trace = record.trace.flatMap({ TraceID(traceparent: $0) }) {
            text(.traceID, trace.text)
        }
    }

    private mutating func append(_ label: ConnectionLabel, requestNumber: UInt64) {
        // 0 is no connection: an HTTP request that none of the tables holds.
        if label.connection.rawValue != 0 {
            begin(JournalField.connectionID.rawValue)
            appendHexadecimal(label.connection.rawValue)
            end()
            if requestNumber > 0 {
                begin(JournalField.requestID.rawValue)
                appendHexadecimal(label.connection.rawValue)
                append("-")
                append(requestNumber)
                end()
            }
        }
        text(.transport, label.transport.name)
        text(.client, label.client)
        if let user = label.user { text(.user, user) }
        if !label.device.isEmpty { text(.device, label.device) }
        if !label.platform.isEmpty { text(.platform, label.platform) }
        if !label.app.isEmpty { text(.app, label.app) }
        if let claims = label.claims, claims.utf8.count <= Self.maxLongTextBytes {
            text(.claims, claims, maxBytes: Self.maxLongTextBytes)
        }
    }

    private mutating func appendDecision(_ record: AccessRecord) {
        guard record.event != .gateway else { return }
        text(.outcome, record.logClass.name)
        number(.weight, UInt64(record.weight))
        if !record.action.isEmpty { text(.action, record.action) }
        if record.command > 0 { number(.command, UInt64(record.command)) }
        if record.status > 0 || record.isAnswered { number(.status, UInt64(record.status)) }
        if let refusal = record.refusal { text(.refusal, refusal) }
        if let rule = record.rule { text(.rule, rule) }
        if record.retryAfterMilliseconds > 0 {
            number(.retryAfter, record.retryAfterMilliseconds)
        }
        if record.remaining >= 0 { number(.remaining, UInt64(record.remaining)) }
        if !record.policy.isEmpty { text(.policy, record.policy) }
        if let topic = record.topic, !topic.isEmpty { text(.topic, topic) }
        if !record.method.isEmpty { text(.method, record.method) }
    }

    private mutating func appendService(_ record: AccessRecord) {
        if !record.service.isEmpty { text(.service, record.service) }
        if !record.instance.isEmpty { text(.instance, record.instance) }
        if record.attempts > 0 { number(.attempts, UInt64(record.attempts)) }
    }

    private mutating func appendMeasures(_ record: AccessRecord) {
        if record.durationNanoseconds >= 0 {
            number(.duration, UInt64(record.durationNanoseconds / 1_000))
        }
        if record.upstreamNanoseconds >= 0 {
            number(.upstream, UInt64(record.upstreamNanoseconds / 1_000))
        }
        if record.bytesIn > 0 || record.isAnswered { number(.bytesIn, UInt64(record.bytesIn)) }
        if record.payloadBytes >= 0 { number(.payloadBytes, UInt64(record.payloadBytes)) }
        if record.bytesOut > 0 || record.isAnswered { number(.bytesOut, UInt64(record.bytesOut)) }
    }

    /// Names are made to fit; one that is already there is left out, since a reader of JSON would
    /// see only one of the two.
    private mutating func append(extra: [(String, String)]) {
        var taken = Set(JournalField.allCases.map(\.rawValue))
        for (name, value) in extra {
            let fitted = JournalField.fitted(name)
            if taken.insert(fitted).inserted { further(fitted, value) }
        }
    }

    // MARK: The readable line

    private mutating func appendLine(_ record: AccessRecord) {
        switch record.event {
        case .open: append("connection opened")
        case .close: append("connection closed")
        default: appendInLine(record.action.isEmpty ? record.event.name : record.action)
        }
        if record.event != .open, record.event != .close || record.refusal == nil {
            append(" ")
            append(record.logClass.name)
        }
        if record.isShadow { append(" (a shadow rule would refuse)") }
        if let refusal = record.refusal {
            append(": ")
            if record.status > 0 {
                append(UInt64(record.status))
                append(" ")
            }
            appendInLine(refusal)
        }
        if let rule = record.rule {
            append(" by rule ")
            appendInLine(rule)
        }
        if record.retryAfterMilliseconds > 0 {
            append(", retry after ")
            append(record.retryAfterMilliseconds)
            append(" ms")
        }
        appendWho(record)
    }

    private mutating func appendWho(_ record: AccessRecord) {
        if let label = record.connection {
            append(", ")
            appendInLine(label.user ?? label.client)
            append(" over ")
            append(label.transport.name)
        }
        if record.durationNanoseconds >= 0, record.event != .close {
            append(", ")
            append(UInt64(record.durationNanoseconds / 1_000))
            append(" us")
        }
    }
}

extension AccessRecord {
    /// Requests and logins have an answer, so its status and sizes are told even when they are 0.
    fileprivate var isAnswered: Bool { event == .request || event == .login }

    /// 6 ok, 5 shadow refusal, 4 refusal, 3 error, as `syslog(3)` counts them.
    fileprivate var journalPriority: UInt8 {
        if let priority { return min(priority, 7) }
        switch logClass {
        case .ok: return isShadow ? 5 : 6
        case .refused: return 4
        case .error: return 3
        }
    }
}
