import Foundation
import NIOCore
import NIOSSL
package import SluiceDocuments
package import SluiceEdge
package import SluiceUpstream
import SwiftASN1
import X509

/// All that is read from the files TLS is configured with: contexts ready to be published.
package struct TLSMaterial: Sendable {
    /// By the listener's name.
    package private(set) var listeners: [String: ListenerTLS] = [:]
    /// By the service's name.
    package private(set) var services: [String: ServiceTLS] = [:]
    /// Changes with the content of any certificate: that of the files, not their names.
    package private(set) var fingerprint = ""
    /// When what a listener shows, or what is shown to a service, expires: seconds since 1970.
    package private(set) var expiries: [Expiry] = []
    /// What works now but hardly will, such as a certificate near its end.
    package private(set) var warnings: [Diagnostic] = []

    /// Of one listener or service.
    package struct Expiry: Sendable, Equatable {
        /// `listener` or `service`.
        package var side: String
        package var name: String
        package var seconds: Double
    }

    /// Reads every file that listeners and services name.
    ///
    /// Blocks: files are read and trust roots loaded.
    /// - Parameter now: seconds since 1970.
    /// - Throws: every error of all files, each at the place that names the file.
    package static func read(
        _ configuration: Configuration, now: Double
    ) throws(DiagnosticList) -> Self {
        let sink = DiagnosticSink()
        let files = TLSFiles(configuration: configuration, sink: sink, now: now)
        var material = Self()
        for listener in configuration.listeners {
            if let tls = listener.tls { material.add(tls, of: listener, files) }
        }
        for service in configuration.services {
            if let tls = service.tls { material.add(tls, of: service, files) }
        }
        guard !sink.hasErrors else { throw sink.list }
        material.warnings = sink.list.diagnostics
        return material
    }

    // MARK: Listeners

    private mutating func add(
        _ tls: Configuration.ListenerTLS, of listener: Configuration.Listener, _ files: TLSFiles
    ) {
        var choice = CertificateChoice()
        var identities: [TLSFiles.Identity] = []
        for (index, certificate) in tls.certificates.enumerated() {
            guard let identity = files.identity(certificate, as: .server) else { continue }
            Self.checkNames(identity, index, certificate.certificate, &choice, tls, files.sink)
            identities.append(identity)
        }
        let authorities = tls.clientCA.flatMap { files.authorities($0) }
        guard identities.count == tls.certificates.count, let first = identities.first,
            (authorities == nil) == (tls.clientCA == nil)
        else { return }
        let context = Self.context(
            Self.server(tls, identities, choice, authorities, isHTTP: listener.kind == .http),
            at: tls.certificates[0].certificate, files.sink)
        guard let context else { return }
        listeners[listener.name] = ListenerTLS(context: context) { der in
            (try? Certificate(derEncoded: der))?.identity ?? "unreadable"
        }
        let chains = [first.chain] + identities.dropFirst().map(\.chain)
        fingerprint += chains.map(\.fingerprint).joined(separator: " ") + ";"
        fingerprint += (authorities?.fingerprint ?? "") + "\n"
        expiries.append(
            Expiry(
                side: "listener", name: listener.name,
                seconds: chains.map(\.expiry).min() ?? first.chain.expiry))
    }

    private static func checkNames(
        _ identity: TLSFiles.Identity, _ index: Int, _ file: Configuration.File,
        _ choice: inout CertificateChoice, _ tls: Configuration.ListenerTLS, _ sink: DiagnosticSink
    ) {
        let names = identity.chain.certificates[0].dnsNames
        if names.isEmpty, index > 0 {
            sink.error(
                "\(file.path): the certificate has no DNS name, so no client would ever get it",
                at: file.place, hint: "only the first certificate of a listener can do without")
        }
        for name in Set(names).sorted() {
            guard let other = choice.add(name, for: index) else { continue }
            sink.error(
                "\(file.path): the name `\(name)` is in \(tls.certificates[other].certificate.path) "
                    + "already, so this certificate would never be chosen for it",
                at: file.place, hint: "give a listener one certificate per name")
        }
    }

    /// TLS 1.2 with forward secrecy and authenticated encryption only (RFC 9325 section 4.2); 1.3
    /// has no others.
    private static let ciphers: [NIOTLSCipher] = [
        .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, .TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        .TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, .TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        .TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        .TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ]

    private static func server(
        _ tls: Configuration.ListenerTLS, _ identities: [TLSFiles.Identity],
        _ choice: CertificateChoice, _ authorities: CertificateChain?, isHTTP: Bool
    ) -> TLSConfiguration {
        let overrides = identities.map { identity in
            var override = NIOSSLContextConfigurationOverride()
            override.certificateChain = identity.chain.sources.map { .certificate($0) }
            override.privateKey = .privateKey(identity.key)
            return override
        }
        var server = TLSConfiguration.makeServerConfiguration(
            certificateChain: identities[0].chain.sources.map { .certificate($0) },
            privateKey: .privateKey(identities[0].key))
        server.minimumTLSVersion = tls.minVersion == .tls13 ? .tlsv13 : .tlsv12
        server.cipherSuiteValues = ciphers
        server.shutdownTimeout = .seconds(2)
        if isHTTP { server.applicationProtocols = tls.isHTTP2 ? ["h2", "http/1.1"] : ["http/1.1"] }
        if let authorities {
            server.trustRoots = .certificates(authorities.sources)
            server.certificateVerification =
                tls.clientCertificate == .required ? .noHostnameVerification : .optionalVerification
            server.sendCANameList = true
        }
        if overrides.count > 1 {
            server.sslContextCallback = { client, promise in
                promise.succeed(overrides[choice.certificate(for: client.serverHostname)])
            }
        }
        return server
    }

    // MARK: Services

    private mutating func add(
        _ tls: Configuration.ServiceTLS, of service: Configuration.Service, _ files: TLSFiles
    ) {
        let authorities = tls.ca.flatMap { files.authorities($0) }
        let identity = tls.client.flatMap { files.identity($0, as: .client) }
        guard (authorities == nil) == (tls.ca == nil), (identity == nil) == (tls.client == nil)
        else { return }
        var client = TLSConfiguration.makeClientConfiguration()
        client.minimumTLSVersion = .tlsv12
        client.cipherSuiteValues = Self.ciphers
        client.shutdownTimeout = .seconds(2)
        if let http = service.http {
            client.applicationProtocols = http.isHTTP2 ? ["h2", "http/1.1"] : ["http/1.1"]
        }
        if service.link == "grpc" { client.applicationProtocols = ["h2"] }
        if let authorities { client.trustRoots = .certificates(authorities.sources) }
        if let identity {
            client.certificateChain = identity.chain.sources.map { .certificate($0) }
            client.privateKey = .privateKey(identity.key)
            expiries.append(
                Expiry(side: "service", name: service.name, seconds: identity.chain.expiry))
        }
        let place = tls.ca ?? tls.client?.certificate
        guard let context = Self.context(client, at: place, files.sink) else { return }
        var http1: NIOSSLContext?
        if service.http?.isHTTP2 == true {
            client.applicationProtocols = ["http/1.1"]
            http1 = Self.context(client, at: place, files.sink)
        }
        let mark =
            (authorities?.fingerprint ?? "system") + ";" + (identity?.chain.fingerprint ?? "none")
        fingerprint += mark + "\n"
        services[service.name] = ServiceTLS(
            context: context, http1: http1, serverName: tls.serverName, fingerprint: mark)
    }

    private static func context(
        _ configuration: TLSConfiguration, at file: Configuration.File?, _ sink: DiagnosticSink
    ) -> NIOSSLContext? {
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            sink.error(
                "\(file?.path ?? "tls"): TLS cannot be set up with this: "
                    + (TLSFailure.isTLS(error) ? TLSFailure(error).text : "unknown reason"),
                at: file?.place ?? SourcePosition(file: "configuration"))
            return nil
        }
    }
}
