import NIOCore
import SluiceDocuments
import SluiceEdge
import SluiceVocabulary

/// Where clients connect, and the proxies in front that are believed.
extension ConfigurationDecoder {
    func decodeListeners(_ value: DocumentValue?) -> [Configuration.Listener] {
        var names = Duplicates<String>()
        var endpoints = Duplicates<String>()
        let listeners = items(value) { item -> Configuration.Listener? in
            let name = item.name("name")
            if let name {
                names.check(name, "listener name `\(name)`", at: item.place("name"), sink)
            }
            let kinds = Dictionary(
                uniqueKeysWithValues: ListenerProtocol.allCases.map { ($0.rawValue, $0) })
            let kind = item.mapping.optional("protocol")?.choice(sink, of: kinds) ?? .http
            let mode = socketMode(item)
            let isProxied = item.boolean("proxy_protocol", default: false)
            let tls = decodeListenerTLS(item.mapping.optional("tls"), isHTTP: kind == .http)
            guard let (address, port) = endpoint(item, &endpoints), let name else { return nil }
            return Configuration.Listener(
                name: name, kind: kind, address: address, port: port, mode: mode,
                proxyProtocol: isProxied, tls: tls)
        }
        if let value, value.kind == .list([]) {
            sink.error("at least one listener is needed", at: value.position)
        }
        return listeners ?? Configuration.Listener.builtIn
    }

    /// An IP address with its port, or a Unix socket, which has none.
    private func endpoint(
        _ item: ConfigurationReader, _ known: inout Duplicates<String>
    ) -> (address: String, port: Int)? {
        if let value = item.mapping.optional("address"), let text = value.string(sink),
            text.hasPrefix(Configuration.Listener.unixPrefix)
        {
            if let port = item.mapping.optional("port") {
                sink.error("a Unix socket has no port", at: port.position)
            }
            let path = text.dropFirst(Configuration.Listener.unixPrefix.count)
            // `sun_path` has room for 108 bytes (unix(7)): a NUL, and `.new` while it is made.
            guard path.hasPrefix("/"), (2...103).contains(path.utf8.count),
                !path.contains(where: \.isNewline)
            else { return value.expected("unix: and an absolute path of 2 to 103 bytes", sink) }
            known.check(text, "socket \(path)", at: value.position, sink)
            return (text, 0)
        }
        let address = listenAddress(item, default: "127.0.0.1")
        guard let port = item.mapping.required("port")?.integer(sink, in: 0...65_535) else {
            return nil
        }
        if port != 0 {
            known.check(
                "\(address) \(port)", "port \(port) of \(address)", at: item.place("port"), sink)
        }
        return (address, Int(port))
    }

    /// Permission bits of a Unix socket: who may connect needs to write.
    private func socketMode(_ item: ConfigurationReader) -> UInt16 {
        let fallback: UInt16 = 0o660
        guard let value = item.mapping.optional("mode"), let text = value.string(sink) else {
            return fallback
        }
        guard (3...4).contains(text.utf8.count), let mode = UInt16(text, radix: 8), mode <= 0o777
        else { return value.expected("permission bits like \"0660\"", sink) ?? fallback }
        return mode
    }

    /// An IP address to listen on; a link-local one names its interface (`fe80::1%eth0`, RFC 4007).
    func listenAddress(_ reader: ConfigurationReader, default fallback: String) -> String {
        guard let value = reader.mapping.optional("address"), let text = value.string(sink) else {
            return fallback
        }
        guard let address = IPAddress(text) else {
            let hint =
                text == "localhost" ? "write 127.0.0.1" : text == "*" ? "write 0.0.0.0 or ::" : nil
            return value.expected("an IP address", sink, hint: hint) ?? fallback
        }
        let isLinkLocal = address.value >> 118 == 0xFE80 >> 6
        if text.contains("%") != isLinkLocal {
            return value.expected(
                isLinkLocal ? "an interface behind the address" : "no interface", sink,
                hint: isLinkLocal
                    ? "write \(text)%eth0 or the like"
                    : "only link-local addresses (fe80::/10) have one") ?? fallback
        }
        return text
    }

    func decodeTrustedProxies(_ value: DocumentValue?) -> TrustedProxies {
        var proxies = TrustedProxies()
        for item in value?.list(sink) ?? [] {
            guard let text = item.nonEmptyString(sink) else { continue }
            guard text != "unix" else {
                proxies.includesUnixSockets = true
                continue
            }
            do throws(AddressBlock.Problem) {
                proxies.blocks.append(try AddressBlock(text))
            } catch {
                switch error {
                case .notABlock:
                    _ =
                        item.expected(
                            "an address block like 10.0.0.0/8 or fd00::/8, or `unix`", sink)
                        as Never?
                case .hasHostBits(let meant):
                    sink.error(
                        "`\(text)` has bits behind its prefix", at: item.position,
                        hint: "write \(meant)")
                }
            }
        }
        return proxies
    }
}
