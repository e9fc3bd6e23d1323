package import SluiceDocuments

extension Configuration {
    /// A file the configuration names, with the place where it does, for errors about its content.
    ///
    /// Two are equal when they name the same path: moving a line changes nothing.
    package struct File: Sendable, Equatable, CustomStringConvertible {
        package var path: String
        package var place: SourcePosition

        package static func == (left: Self, right: Self) -> Bool { left.path == right.path }
        package var description: String { path }
    }

    /// A certificate chain, leaf first, and the key of the leaf. Both PEM.
    package struct CertificateFiles: Sendable, Equatable {
        package var certificate: File
        package var key: File
    }

    /// What a listener says when it speaks TLS.
    package struct ListenerTLS: Sendable, Equatable {
        /// The first is shown to clients that ask for no name, or for one in none of them.
        package var certificates: [CertificateFiles]
        package var minVersion: Version
        /// Whose certificates clients may show; nil = clients are not asked for one.
        package var clientCA: File?
        package var clientCertificate: Demand
        /// Offers HTTP/2 in ALPN.
        package var isHTTP2: Bool

        /// The oldest version spoken.
        package enum Version: String, Sendable, CaseIterable {
            case tls12 = "1.2"
            case tls13 = "1.3"
        }

        /// Whether a client must show a certificate.
        package enum Demand: String, Sendable, CaseIterable {
            case required, optional
        }
    }

    /// How a service is reached over TLS.
    package struct ServiceTLS: Sendable, Equatable {
        /// Who signs the service's certificate; nil = the authorities this machine trusts.
        package var ca: File?
        /// The gateway's own certificate, for services that ask for one.
        package var client: CertificateFiles?
        /// The name the service's certificate must hold; nil = the host of the instance.
        package var serverName: String?
    }
}
