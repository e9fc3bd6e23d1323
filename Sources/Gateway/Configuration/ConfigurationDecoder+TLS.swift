import SluiceDocuments

/// TLS of listeners and services. The files themselves are read and checked by `TLSMaterial`.
extension ConfigurationDecoder {
    /// - Parameter isHTTP: the listener speaks HTTP, so it can offer HTTP/2.
    func decodeListenerTLS(
        _ value: DocumentValue?, isHTTP: Bool
    ) -> Configuration.ListenerTLS? {
        guard let value, let group = ConfigurationReader(value, sink) else { return nil }
        let list = group.mapping.required("certificates")
        let certificates =
            items(list) { item -> Configuration.CertificateFiles? in
                let certificate = file(item, "certificate", isRequired: true)
                let key = file(item, "key", isRequired: true)
                guard let certificate, let key else { return nil }
                return Configuration.CertificateFiles(certificate: certificate, key: key)
            } ?? []
        if let list, list.kind == .list([]) {
            sink.error("at least one certificate is needed", at: list.position)
        }
        let versions = Configuration.ListenerTLS.Version.allCases.map { ($0.rawValue, $0) }
        let demands = Configuration.ListenerTLS.Demand.allCases.map { ($0.rawValue, $0) }
        let tls = Configuration.ListenerTLS(
            certificates: certificates,
            minVersion: group.mapping.optional("min_version")?
                .choice(sink, of: Dictionary(uniqueKeysWithValues: versions)) ?? .tls12,
            clientCA: file(group, "client_ca"),
            clientCertificate: group.mapping.optional("client_certificate")?
                .choice(sink, of: Dictionary(uniqueKeysWithValues: demands)) ?? .required,
            isHTTP2: group.boolean("http2", default: isHTTP))
        if !group.mapping.contains("client_ca"), group.mapping.contains("client_certificate") {
            sink.error(
                "client certificates cannot be checked without `client_ca`",
                at: group.mapping.keyPosition("client_certificate"),
                hint: "name the file with the authorities that sign them, or leave this key out")
        }
        if tls.isHTTP2, !isHTTP {
            sink.error(
                "HTTP/2 is spoken on listeners with `protocol: http` only",
                at: group.place("http2"), hint: "leave `http2` out")
        }
        group.mapping.finish()
        return tls
    }

    func decodeServiceTLS(_ value: DocumentValue?) -> Configuration.ServiceTLS? {
        guard let value, let group = ConfigurationReader(value, sink) else { return nil }
        let certificate = file(group, "certificate")
        let key = file(group, "key")
        var tls = Configuration.ServiceTLS(
            ca: file(group, "ca"),
            serverName: group.mapping.optional("server_name").flatMap { serverName($0) })
        if let certificate, let key {
            tls.client = Configuration.CertificateFiles(certificate: certificate, key: key)
        } else if let certificate {
            sink.error(
                "`certificate` without `key`", at: certificate.place,
                hint: "name the file with the certificate's private key")
        } else if let key {
            sink.error(
                "`key` without `certificate`", at: key.place,
                hint: "name the file with the key's certificate chain")
        }
        group.mapping.finish()
        return tls
    }

    private func file(
        _ group: ConfigurationReader, _ key: String, isRequired: Bool = false
    ) -> Configuration.File? {
        let value = isRequired ? group.mapping.required(key) : group.mapping.optional(key)
        guard let value, let path = value.nonEmptyString(sink, maxCharacters: 4_096) else {
            return nil
        }
        return Configuration.File(path: path, place: value.position)
    }

    /// A host name or an IP address, as certificates hold them.
    private func serverName(_ value: DocumentValue) -> String? {
        guard let text = value.nonEmptyString(sink, maxCharacters: 253) else { return nil }
        guard let instance = Self.instance(text.contains(":") ? "[\(text)]:1" : text + ":1") else {
            return value.expected(
                "a name as it stands in the service's certificate", sink,
                hint: "without scheme and port")
        }
        return instance.host
    }
}
