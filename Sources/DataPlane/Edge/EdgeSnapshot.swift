package import SluiceIdentity
package import SluicePolicy
import SluiceTelemetry
package import SluiceUpstream
package import SluiceVocabulary

/// Everything a loop decides by, published whole: a reload replaces all of it between two messages.
package struct EdgeSnapshot: Sendable {
    package let policy: PolicySnapshot
    /// Which requests get a journal entry, as the policy says.
    let logShares: LogShares
    package var upstream: UpstreamSnapshot
    package var keys: KeySet
    package var tokenRules: TokenRules
    /// Makes tokens at login; nil when the user service brings its own.
    package var issuer: TokenIssuer?
    /// Names of claims copied from the user service's login reply into the token.
    package var loginClaims: [String]
    /// Whose word about a client's address is believed.
    package var trustedProxies: TrustedProxies
    /// TLS by the listener's name; listeners not in it are plain.
    package var tls: [String: ListenerTLS]
    /// How proxies and browsers are treated.
    package var http: HTTPSettings
    /// What is passed on to services as it is.
    package var routes: RouteTable

    /// How tokens that are no JWT are asked about; nil refuses them.
    package var opaque: OpaqueRules?
    /// How it is asked whether a user still exists; nil believes the token.
    package var userCheck: UserCheckRules?
    /// Whether further keys come from a key source.
    package var hasKeySource = false

    package init(
        policy: PolicySnapshot, upstream: UpstreamSnapshot, keys: KeySet, tokenRules: TokenRules,
        issuer: TokenIssuer?, loginClaims: [String],
        trustedProxies: TrustedProxies = TrustedProxies(),
        tls: [String: ListenerTLS] = [:], http: HTTPSettings = HTTPSettings(),
        routes: RouteTable = RouteTable()
    ) {
        self.policy = policy
        logShares = policy.model.logging.shares(for: policy.catalog)
        self.upstream = upstream
        self.keys = keys
        self.tokenRules = tokenRules
        self.issuer = issuer
        self.loginClaims = loginClaims
        self.trustedProxies = trustedProxies
        self.tls = tls
        self.http = http
        self.routes = routes
    }
}
