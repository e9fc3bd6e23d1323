import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Asks one registry over HTTP. Nothing it throws holds a query string: Nacos wants its token there.
final class RegistryClient: Sendable {
    /// One answer; more is not read.
    static let maxBytes = 8_388_608

    let settings: RegistrySettings
    private let client: HTTPClient

    struct Answer: Sendable {
        let status: Int
        let headers: HTTPHeaders
        let body: [UInt8]
        /// The first words of the body, for people; nothing where a secret may be among them.
        let words: String

        var isGood: Bool { (200..<300).contains(status) }

        /// For people.
        var problem: String {
            "it answers \(status)" + (words.isEmpty ? "" : ": \(words)")
        }
    }

    init(_ settings: RegistrySettings, group: any EventLoopGroup) throws(SourceFailure) {
        self.settings = settings
        var tls = TLSConfiguration.makeClientConfiguration()
        if !settings.authorityFile.isEmpty {
            do {
                tls.trustRoots = .certificates(
                    try NIOSSLCertificate.fromPEMFile(settings.authorityFile))
            } catch {
                throw SourceFailure(
                    "the authorities in \(settings.authorityFile) cannot be read; check `ca`")
            }
        }
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(2)))
        configuration.httpVersion = .http1Only
        // A query that waits for a change keeps its connection all the while.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 1_024
        // A registry that is away is asked again by whoever asked, not by the pool for us.
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(
            eventLoopGroupProvider: .shared(group), configuration: configuration)
    }

    /// Ends it; requests under way fail.
    func stop() async {
        // A connection that does not close in time is the registry's.
        try? await client.shutdown()
    }

    /// - Parameters:
    ///   - path: begins with `/`; its variable parts are escaped already.
    ///   - query: names and values as they are.
    ///   - wait: how long the registry may take by intention.
    ///   - patience: how long its answer may take besides.
    func ask(
        _ method: HTTPMethod = .GET, _ path: String, _ query: [(String, String)] = [],
        headers: [(String, String)] = [], body: [UInt8]? = nil, wait: Duration = .zero,
        patience: Duration = .seconds(5)
    ) async throws(SourceFailure) -> Answer {
        let words = query.map { "\($0.0)=\(Self.escaped($0.1))" }.joined(separator: "&")
        var request = HTTPClientRequest(
            url: settings.address + path + (words.isEmpty ? "" : "?" + words))
        request.method = method
        request.headers.add(name: "User-Agent", value: "sluice")
        request.headers.add(name: "Accept", value: "application/json")
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body { request.body = .bytes(body) }
        let timeout = TimeAmount.nanoseconds((wait + patience).nanoseconds)
        do {
            let response = try await client.execute(request, timeout: timeout)
            let body = try await response.body.collect(upTo: Self.maxBytes)
            let bytes = Array(body.readableBytesView)
            return Answer(
                status: Int(response.status.code), headers: response.headers, body: bytes,
                words: safeWords(bytes))
        } catch is NIOTooManyBytesError {
            throw SourceFailure("its answer is larger than \(Self.maxBytes) bytes")
        } catch {
            throw SourceFailure("\(settings.address) does not answer: \(Self.reason(error))")
        }
    }

    /// Error pages like to repeat what was asked, and Nacos wants its token there.
    private func safeWords(_ body: [UInt8]) -> String {
        let text = String(decoding: body.prefix(4_096), as: UTF8.self)
        let isSafe =
            !text.contains("accessToken")
            && (settings.secret.isEmpty || !text.contains(settings.secret.text))
        return isSafe ? InstanceRules.plain(text) : ""
    }

    private static func reason(_ error: any Error) -> String {
        if let error = error as? HTTPClientError { return error.shortDescription }
        if error is CancellationError { return "cancelled" }
        if let error = error as? NIOConnectionError {
            return error.connectionErrors.first.map { reason($0.error) } ?? "no address"
        }
        if let error = error as? IOError { return error.localizedReason }
        return "\(error)"
    }

    /// A path's part or a query's value (RFC 3986 section 2.3).
    static func escaped(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF")
        var escaped = ""
        for byte in text.utf8 {
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
                || (0x61...0x7A).contains(byte) || [0x2D, 0x2E, 0x5F, 0x7E].contains(byte)
            if isPlain {
                escaped.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                escaped += ["%", digits[Int(byte >> 4)], digits[Int(byte & 15)]].map(String.init)
                    .joined()
            }
        }
        return escaped
    }
}

extension IOError {
    /// The system's words for it, without the call they came from.
    fileprivate var localizedReason: String { errnoCode == 111 ? "connection refused" : "\(self)" }
}

extension Duration {
    var nanoseconds: Int64 {
        let parts = components
        return parts.seconds * 1_000_000_000 + parts.attoseconds / 1_000_000_000
    }

    var milliseconds: Int64 { nanoseconds / 1_000_000 }
}
