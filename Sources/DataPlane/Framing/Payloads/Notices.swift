import SwiftProtobuf

/// Payload of cmd 10 `goaway`, from the gateway: finish what you do and reconnect.
package struct Goaway: TypedPayload {
    /// A close reason's name.
    package var reason: String
    /// Spread per client, so that they do not all come back at once.
    package var reconnectAfterMilliseconds: UInt32

    package init(reason: String, reconnectAfterMilliseconds: UInt32) {
        self.reason = reason
        self.reconnectAfterMilliseconds = reconnectAfterMilliseconds
    }

    package init(_ body: Sluice_V1_Goaway) {
        self.init(reason: body.reason, reconnectAfterMilliseconds: body.reconnectAfterMs)
    }

    package init(json: JSONValue) throws(EnvelopeError) {
        self.init(
            reason: try json.text("reason"),
            reconnectAfterMilliseconds: try json.whole("reconnect_after_ms"))
    }

    package var body: Sluice_V1_Goaway {
        .with {
            $0.reason = reason
            $0.reconnectAfterMs = reconnectAfterMilliseconds
        }
    }

    package var json: JSONValue {
        .object([
            ("reason", .string(reason)),
            ("reconnect_after_ms", .integer(Int64(reconnectAfterMilliseconds))),
        ])
    }
}

/// Payload of cmd 11 `kicked`, from the gateway, right before the connection closes.
package struct Kicked: TypedPayload {
    /// `operator`, or a close reason's name.
    package var reason: String
    /// The device that took over; empty when none did.
    package var device: String

    package init(reason: String, device: String = "") {
        self.reason = reason
        self.device = device
    }

    package init(_ body: Sluice_V1_Kicked) {
        self.init(reason: body.reason, device: body.device)
    }

    package init(json: JSONValue) throws(EnvelopeError) {
        self.init(reason: try json.text("reason"), device: try json.text("device"))
    }

    package var body: Sluice_V1_Kicked {
        .with {
            $0.reason = reason
            $0.device = device
        }
    }

    package var json: JSONValue {
        .object([("reason", .string(reason)), ("device", .string(device))])
    }
}

/// Payload of cmd 12 `presence`, from the gateway: somebody came or went.
package struct PresenceEvent: TypedPayload {
    package var user: String
    package var online: Bool
    /// Orders the events of one user.
    package var number: UInt64

    package init(user: String, online: Bool, number: UInt64) {
        self.user = user
        self.online = online
        self.number = number
    }

    package init(_ body: Sluice_V1_PresenceEvent) {
        self.init(user: body.user, online: body.online, number: body.number)
    }

    package init(json: JSONValue) throws(EnvelopeError) {
        self.init(
            user: try json.text("user"), online: try json.flag("online"),
            number: try json.whole("number"))
    }

    package var body: Sluice_V1_PresenceEvent {
        .with {
            $0.user = user
            $0.online = online
            $0.number = number
        }
    }

    package var json: JSONValue {
        .object([
            ("user", .string(user)), ("online", .bool(online)),
            ("number", JSONValue(whole: number)),
        ])
    }
}
