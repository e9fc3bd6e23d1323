import SluiceDocuments
import SluiceEdge

/// How proxies and browsers are treated.
extension ConfigurationDecoder {
    func decodeHTTPSettings(_ group: ConfigurationReader) -> HTTPSettings {
        var settings = HTTPSettings()
        let fields = Dictionary(
            uniqueKeysWithValues: HTTPSettings.ClientAddressField.allCases.map { ($0.rawValue, $0) }
        )
        settings.clientAddress =
            group.mapping.optional("client_address")?.choice(sink, of: fields)
            ?? settings.clientAddress
        if let value = group.mapping.optional("allowed_origins") {
            settings.origins = decodeOrigins(value)
        }
        let cors = group.group("cors")
        settings.allowsCredentials = cors.boolean("credentials", default: false)
        settings.preflightSeconds = cors.seconds(
            "max_age", default: settings.preflightSeconds, in: 0...86_400)
        if settings.allowsCredentials, settings.origins.isAny {
            sink.error(
                "pages of any origin could act in the name of whoever visits them",
                at: cors.place("credentials"),
                hint: "name the origins in `allowed_origins` instead of \"*\"")
        }
        settings.tellsRateLimits = group.boolean(
            "rate_limit_fields", default: settings.tellsRateLimits)
        settings.tellsRule = group.boolean("tell_rule", default: settings.tellsRule)
        cors.mapping.finish()
        group.mapping.finish()
        return settings
    }

    private func decodeOrigins(_ value: DocumentValue) -> AllowedOrigins {
        var origins = AllowedOrigins()
        for item in value.list(sink) ?? [] {
            guard let text = item.nonEmptyString(sink) else { continue }
            if !origins.add(text) {
                _ =
                    item.expected(
                        "an origin like https://chat.example.com, https://*.example.com, or \"*\"",
                        sink, hint: "scheme, host and port, nothing behind them") as Never?
            }
        }
        return origins
    }
}
