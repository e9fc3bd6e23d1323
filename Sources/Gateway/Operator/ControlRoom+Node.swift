import SluiceAdmin
import SluiceDiscovery
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
            let left = await connectionCount()
            if isFirst {
                Systemd.notify("STATUS=draining")
                // Out of the registry first: balancers stop sending clients before the doors close.
                await settings.membership?.leave()
                await gateway.startDrain(deadlineMilliseconds: settings.drainDeadlineMilliseconds)
            }
            return .json(
                Self.text(
                    .object([
                        ("draining", .bool(true)), ("connections", .integer(Int64(left))),
                        ("deadline_ms", .integer(settings.drainDeadlineMilliseconds)),
                    ])),
                status: 202, summary: isFirst ? "\(left) connections go" : "draining already")
        }
    }

    /// `GET /v1/gateways`: this node, and those the registry tells of besides.
    var gatewaysCall: AdminRoute {
        AdminRoute(.get, "/v1/gateways", action: "admin.read") { [self] _ in
            let told = await settings.membership?.gateways() ?? []
            let own = settings.membership?.registration
            let others = told.filter { $0.text != own?.place }
            return .json(
                Self.text(
                    .object([
                        ("gateways", .array([await thisNode(own)] + others.map(Self.described)))
                    ])))
        }
    }

    private func thisNode(_ own: Registration?) async -> JSONValue {
        let listeners = settings.listeners.map { listener in
            JSONValue.object([
                ("name", .string(listener.name)), ("protocol", .string(listener.kind.rawValue)),
                ("address", .string(listener.endpoint.text)),
            ])
        }
        var members: [(String, JSONValue)] = [
            ("node", .string(settings.node)), ("version", .string(Startup.version)),
            ("ready", .bool(!isDraining)),
            ("connections", .integer(Int64(await connectionCount()))),
        ]
        if let own {
            members += [
                ("address", .string(own.place)), ("weight", .integer(Int64(own.weight))),
            ]
        }
        return .object(members + [("listeners", .array(listeners))])
    }

    /// Another node, as far as the registry tells.
    private static func described(_ gateway: DiscoveredInstance) -> JSONValue {
        let told = gateway.metadata
        var members: [(String, JSONValue)] = [
            ("node", .string(told["node"] ?? gateway.id)),
            ("version", .string(told["version"] ?? "")), ("ready", .bool(true)),
        ]
        if let connections = told["connections"].flatMap({ Int64($0) }) {
            members.append(("connections", .integer(connections)))
        }
        members += [
            ("address", .string(gateway.text)), ("weight", .integer(Int64(gateway.weight))),
        ]
        if let port = told["tcp_port"].flatMap({ Int64($0) }) {
            members.append(("tcp_port", .integer(port)))
        }
        return .object(members)
    }

    private func connectionCount() async -> Int {
        await gateway.sizes().first { $0.name == "connections" }?.count ?? 0
    }
}
