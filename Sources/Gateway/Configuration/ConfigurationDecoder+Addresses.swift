import SluiceDocuments

/// The admin port.
extension ConfigurationDecoder {
    func decodeAdmin(
        _ group: ConfigurationReader, listeners: [Configuration.Listener]
    ) -> Configuration.Admin {
        let address = listenAddress(group, default: "127.0.0.1")
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
        let socket = group.string("socket", default: "")
        if socket.utf8.count > Configuration.maxSocketPathBytes {
            sink.error(
                "the path of a Unix socket has at most \(Configuration.maxSocketPathBytes) bytes",
                at: group.place("socket"), hint: "choose a shorter one, as /run/sluice/admin.sock")
        }
        let tokenFile = group.string("token_file", default: "")
        group.mapping.finish()
        return Configuration.Admin(
            address: address, port: port, socket: socket, tokenFile: tokenFile)
    }

    static func isLoopback(_ address: String) -> Bool {
        address == "::1" || address == "0:0:0:0:0:0:0:1"
            || (address.hasPrefix("127.") && !address.contains(":"))
    }
}
