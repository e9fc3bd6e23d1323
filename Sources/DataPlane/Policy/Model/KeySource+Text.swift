extension KeySource {
    /// The source as a policy writes it: `token.plan`, `connection.address/32,/64`,
    /// `http.header.x-app`. An address always says its bits.
    package var text: String {
        switch self {
        case .claim(let path): "token." + path.joined(separator: ".")
        case .session: "session.id"
        case .device: "session.device"
        case .platform: "session.platform"
        case .app: "session.app"
        case .address(let bits4, let bits6): "connection.address/\(bits4),/\(bits6)"
        case .transport: "connection.transport"
        case .action: "message.action"
        case .topic: "message.topic"
        case .loginUser: "login.user"
        case .route: "http.route"
        case .method: "http.method"
        case .header(let name): "http.header.\(name)"
        }
    }
}
