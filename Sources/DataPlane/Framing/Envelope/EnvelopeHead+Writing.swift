import SluiceVocabulary

extension HeadBytes {
    /// The head's fields in protobuf form, in ascending order, zeros left out.
    @inline(__always)
    mutating func append(protobuf head: EnvelopeHead) {
        append(field: 1, varint: UInt64(head.version))
        append(field: 2, varint: UInt64(head.cmd))
        append(field: 3, varint: head.seq)
        append(field: 4, varint: UInt64(head.status))
        append(field: 5, varint: UInt64(head.kind.rawValue))
        append(field: 6, varint: UInt64(head.format))
        if let deliveryClass = head.deliveryClass {
            append(field: 11, varint: UInt64(deliveryClass.rawValue))
        }
    }

    /// The head's members in JSON form, without the closing brace.
    ///
    /// Replies have `status`, pushes `"push":true`; a format is told only where neither `data` (1) nor
    /// the default (0) says it.
    @inline(__always)
    mutating func append(json head: EnvelopeHead) {
        append("{")
        if head.version != 0 {
            append("\"version\":")
            append(decimal: UInt64(head.version))
            append(",")
        }
        append("\"cmd\":")
        append(decimal: UInt64(head.cmd))
        append(",\"seq\":")
        append(decimal: head.seq)
        switch head.kind {
        case .request: break
        case .reply:
            append(",\"status\":")
            append(decimal: UInt64(head.status))
        case .push: append(",\"push\":true")
        }
        if let deliveryClass = head.deliveryClass {
            switch deliveryClass {
            case .must: append(",\"class\":\"must\"")
            case .latest: append(",\"class\":\"latest\"")
            case .droppable: append(",\"class\":\"droppable\"")
            }
        }
        if head.format > 1 {
            append(",\"format\":")
            append(decimal: UInt64(head.format))
        }
    }
}
