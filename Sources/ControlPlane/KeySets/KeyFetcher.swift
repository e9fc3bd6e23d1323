import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOSSL
import SluiceIdentity

/// One look at a JWKS over HTTP.
struct KeyFetcher {
    let settings: KeySourceSettings
    let group: any EventLoopGroup

    struct Fetched: Sendable {
        let keys: KeySet
        let skipped: Int
    }

    struct Failure: Error {
        let result: KeyFetch
        /// For the operator; nothing of what was fetched.
        let text: String
    }

    func fetch() async -> Result<Fetched, Failure> {
        let client: HTTPClient
        do {
            client = HTTPClient(
                eventLoopGroupProvider: .shared(group), configuration: try configuration())
        } catch {
            let text = "the authorities in \(settings.authorityFile) cannot be read"
            return .failure(Failure(result: .unreachable, text: text))
        }
        let result = await fetch(with: client)
        // It has no other request; a connection that does not close in time is the source's.
        try? await client.shutdown()
        return result
    }

    private func configuration() throws -> HTTPClient.Configuration {
        var tls = TLSConfiguration.makeClientConfiguration()
        if !settings.authorityFile.isEmpty {
            tls.trustRoots = .certificates(
                try NIOSSLCertificate.fromPEMFile(settings.authorityFile))
        }
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow,
            timeout: .init(
                connect: .milliseconds(settings.timeoutMilliseconds),
                read: .milliseconds(settings.timeoutMilliseconds)))
        configuration.httpVersion = .http1Only
        return configuration
    }

    private func fetch(with client: HTTPClient) async -> Result<Fetched, Failure> {
        var request = HTTPClientRequest(url: settings.url)
        request.headers.add(name: "Accept", value: "application/jwk-set+json, application/json")
        request.headers.add(name: "User-Agent", value: "sluice")
        let bytes: [UInt8]
        do {
            let response = try await client.execute(
                request, timeout: .milliseconds(settings.timeoutMilliseconds))
            guard response.status == .ok else {
                return .failure(
                    Failure(result: .badStatus, text: "it answers \(response.status.code)"))
            }
            let body = try await response.body.collect(upTo: settings.maxBytes)
            bytes = Array(body.readableBytesView)
        } catch is NIOTooManyBytesError {
            let text = "the set is larger than limits.max_key_source_bytes"
            return .failure(Failure(result: .tooLarge, text: text))
        } catch {
            return .failure(Failure(result: .unreachable, text: "no answer: \(error)"))
        }
        return await read(bytes)
    }

    private func read(_ bytes: [UInt8]) async -> Result<Fetched, Failure> {
        let set: JWKS
        do throws(JWKS.Problem) {
            set = try JWKS(bytes, algorithms: settings.algorithms)
        } catch {
            return .failure(Failure(result: .malformed, text: "not taken: \(error.rawValue)"))
        }
        // A damaged key must not take the good ones with it.
        var good: [KeyMaterial] = []
        for material in set.materials where (try? await KeySet.make([material])) != nil {
            good.append(material)
        }
        guard let keys = try? await KeySet.make(good, expecting: settings.algorithms) else {
            return .failure(Failure(result: .malformed, text: "not taken: no key can be used"))
        }
        let skipped = set.skipped + set.materials.count - good.count
        return .success(Fetched(keys: keys, skipped: skipped))
    }
}
