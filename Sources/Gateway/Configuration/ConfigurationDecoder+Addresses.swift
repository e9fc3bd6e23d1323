import NIOCore
import SluiceDocuments

/// Listeners and the admin port.
extension ConfigurationDecoder {
    func decodeListeners(_ value: DocumentValue?) -> [Configuration.Listener] {
        var names = Duplicates<String>()
        var endpoints = Duplicates<String>()
        let listeners = items(value) { item -> Configuration.Listener? in
            let name = item.name("name")
            if let name {
                names.check(name, "listener name `\(name)`", at: item.place("name"), sink)
            }
            let address = self.address(item, default: "127.0.0.1")
            let port = item.mapping.required("port")?.integer(sink, in: 0...65_535).map { Int($0) }
            guard let name, let port else { return nil }
            if port != 0 {
                let place = item.place("port")
                endpoints.check("\(address) \(port)", "port \(port) of \(address)", at: place, sink)
            }
            return Configuration.Listener(name: name, address: address, port: port)
        }
        if let value, value.kind == .list([]) {
            sink.error("at least one listener is needed", at: value.position)
        }
        return listeners ?? [Configuration.Listener(name: "main", address: "127.0.0.1", port: 8080)]
    }

    func decodeAdmin(
        _ group: ConfigurationReader, listeners: [Configuration.Listener]
    ) -> Configuration.Admin {
        let address = self.address(group, default: "127.0.0.1")
        let port = group.integer("port", default: 9901, in: 0...65_535)
        if !Self.isLoopback(address) {
            sink.error(
                "the admin port is open on loopback only, and `\(address)` is not",
                at: group.place("address"),
                hint: "write 127.0.0.1 or ::1 and put a proxy with TLS in front")
        }
        let wildcards = ["0.0.0.0", "::"]
        let rival = listeners.first {
            $0.port == port && port != 0
                && ($0.address == address || wildcards.contains($0.address))
        }
        if let rival {
            sink.error(
                "port \(port) is the port of listener `\(rival.name)`", at: group.place("port"),
                hint: "give the admin port a number of its own")
        }
        group.mapping.finish()
        return Configuration.Admin(address: address, port: port)
    }

    private func address(_ reader: ConfigurationReader, default fallback: String) -> String {
        guard let value = reader.mapping.optional("address"), let text = value.string(sink) else {
            return fallback
        }
        guard (try? SocketAddress(ipAddress: text, port: 0)) != nil else {
            let hint =
                text == "localhost" ? "write 127.0.0.1" : text == "*" ? "write 0.0.0.0 or ::" : nil
            return value.expected("an IP address", sink, hint: hint) ?? fallback
        }
        return text
    }

    static func isLoopback(_ address: String) -> Bool {
        address == "::1" || address == "0:0:0:0:0:0:0:1"
            || (address.hasPrefix("127.") && !address.contains(":"))
    }
}
