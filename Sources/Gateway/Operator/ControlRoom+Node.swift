import SluiceAdmin
import SluiceEdge
import SluiceFraming
import SluiceTelemetry

/// The node itself: draining it, and what it is.
extension ControlRoom {
    /// `POST /v1/drain`: what SIGTERM begins with, while the process stays until it is signalled.
    var drainCall: AdminRoute {
        AdminRoute(.post, "/v1/drain", action: "admin.drain", maxBodyBytes: 1_024) {
            [self] _ in
            let isFirst = startDraining()
            if isFirst {
                Systemd.notify("STATUS=draining")
                await gateway.startDrain(deadlineMilliseconds: settings.drainDeadlineMilliseconds)
            }
            let left = await connectionCount()
            return .json(
                Self.text(
                    .object([
                        ("draining", .bool(true)), ("connections", .integer(Int64(left))),
                        ("deadline_ms", .integer(settings.drainDeadlineMilliseconds)),
                    ])),
                status: 202, summary: isFirst ? "\(left) connections go" : "draining already")
        }
    }

    /// `GET /v1/gateways`: the nodes there are; this one alone.
    var gatewaysCall: AdminRoute {
        AdminRoute(.get, "/v1/gateways", action: "admin.read") { [self] _ in
            let listeners = settings.listeners.map { listener in
                JSONValue.object([
                    ("name", .string(listener.name)), ("protocol", .string(listener.kind.rawValue)),
                    ("address", .string(listener.endpoint.text)),
                ])
            }
            return .json(
                Self.text(
                    .object([
                        (
                            "gateways",
                            .array([
                                .object([
                                    ("node", .string(settings.node)),
                                    ("version", .string(Startup.version)),
                                    ("ready", .bool(!isDraining)),
                                    ("connections", .integer(Int64(await connectionCount()))),
                                    ("listeners", .array(listeners)),
                                ])
                            ])
                        )
                    ])))
        }
    }

    private func connectionCount() async -> Int {
        await gateway.sizes().first { $0.name == "connections" }?.count ?? 0
    }
}
