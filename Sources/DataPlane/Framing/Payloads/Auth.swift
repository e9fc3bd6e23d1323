package import SluiceVocabulary
import SwiftProtobuf

/// Payload of cmd 1 `auth`, from the client.
package struct AuthRequest: TypedPayload {
    package var token: String
    package var device: Device

    package init(token: String, device: Device = Device()) {
        self.token = token
        self.device = device
    }

    package init(_ body: Sluice_V1_AuthRequest) {
        token = body.token
        device = Device(id: body.device.id, platform: body.device.platform, app: body.device.app)
    }

    package init(json: JSONValue) throws(EnvelopeError) {
        token = try json.text("token")
        device = Device()
        guard let value = json["device"], !value.isNull else { return }
        guard case .object = value else { throw .badPayload(.init("device")) }
        device = Device(
            id: try value.text("id"), platform: try value.text("platform"),
            app: try value.text("app"))
    }

    package var body: Sluice_V1_AuthRequest {
        .with {
            $0.token = token
            guard device != Device() else { return }
            $0.device.id = device.id
            $0.device.platform = device.platform
            $0.device.app = device.app
        }
    }

    package var json: JSONValue {
        .object([
            ("token", .string(token)),
            (
                "device",
                .object([
                    ("id", .string(device.id)), ("platform", .string(device.platform)),
                    ("app", .string(device.app)),
                ])
            ),
        ])
    }
}

/// The gateway's reply to `auth`, and its first frame after a token in the handshake.
package struct AuthReply: TypedPayload {
    package var session: String
    package var user: String
    package var epoch: UInt64
    package var resumed: Bool
    package var heartbeatMilliseconds: UInt32
    package var maxFrameBytes: UInt32

    package init(
        session: String, user: String, epoch: UInt64, resumed: Bool, heartbeatMilliseconds: UInt32,
        maxFrameBytes: UInt32
    ) {
        self.session = session
        self.user = user
        self.epoch = epoch
        self.resumed = resumed
        self.heartbeatMilliseconds = heartbeatMilliseconds
        self.maxFrameBytes = maxFrameBytes
    }

    package init(_ body: Sluice_V1_AuthReply) {
        self.init(
            session: body.session, user: body.user, epoch: body.epoch, resumed: body.resumed,
            heartbeatMilliseconds: body.heartbeatMs, maxFrameBytes: body.maxFrameBytes)
    }

    package init(json: JSONValue) throws(EnvelopeError) {
        self.init(
            session: try json.text("session"), user: try json.text("user"),
            epoch: try json.whole("epoch"),
            resumed: try json.flag("resumed"),
            heartbeatMilliseconds: try json.whole("heartbeat_ms"),
            maxFrameBytes: try json.whole("max_frame_bytes"))
    }

    package var body: Sluice_V1_AuthReply {
        .with {
            $0.session = session
            $0.user = user
            $0.epoch = epoch
            $0.resumed = resumed
            $0.heartbeatMs = heartbeatMilliseconds
            $0.maxFrameBytes = maxFrameBytes
        }
    }

    package var json: JSONValue {
        .object([
            ("session", .string(session)), ("user", .string(user)),
            ("epoch", JSONValue(whole: epoch)),
            ("resumed", .bool(resumed)), ("heartbeat_ms", .integer(Int64(heartbeatMilliseconds))),
            ("max_frame_bytes", .integer(Int64(maxFrameBytes))),
        ])
    }
}
