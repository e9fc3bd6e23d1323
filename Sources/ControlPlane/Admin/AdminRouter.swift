import SluiceTelemetry
import SluiceVocabulary

/// Finds the answer to a request. Knows no socket.
struct AdminRouter: Sendable {
    let registry: MetricsRegistry
    let pages: MetricsPages
    let routes: [AdminRoute]
    let access: AdminAccess
    /// Told of every call that changes something, let through or not.
    let audit: @Sendable (AdminAudit) -> Void

    init(
        registry: MetricsRegistry, routes: AdminRoutes, access: AdminAccess,
        audit: @escaping @Sendable (AdminAudit) -> Void
    ) {
        self.registry = registry
        pages = MetricsPages(registry: registry)
        self.routes = routes.all
        self.access = access
        self.audit = audit
    }

    /// A call that was let through; its body is still to come.
    struct Admitted: Sendable {
        enum Target: Sendable {
            case metrics(MetricsPages.Form)
            case route(AdminRoute)
        }

        let target: Target
        var call: AdminCall

        var route: AdminRoute? {
            if case .route(let route) = target { route } else { nil }
        }
    }

    /// What the head of a request comes to.
    enum Decision: Sendable {
        case admitted(Admitted)
        /// The route is known where only its caller was at fault.
        case refused(
            AdminRefusal, route: AdminRoute?, allow: String? = nil, caller: AdminCaller = .anybody)
    }

    /// Decides by the head alone, before a byte of the body is kept.
    func decide(_ request: AdminRequest, by link: AdminLink) -> Decision {
        guard let authority = request.authority else { return .refused(.badHost, route: nil) }
        // A page that makes its own name point here (DNS rebinding) must not read what we tell.
        guard Loopback.isName(authority.name) else { return .refused(.misdirected, route: nil) }
        if request.path == "/metrics" {
            guard ["GET", "HEAD"].contains(request.method) else {
                return .refused(.methodNotAllowed, route: nil, allow: "GET, HEAD")
            }
            let form = MetricsPages.Form(
                format: MetricsRegistry.negotiate(accept: request.accept),
                isCompressed: MetricsRegistry.acceptsGzip(request.acceptEncoding))
            return .admitted(Admitted(target: .metrics(form), call: AdminCall()))
        }
        let found = routes.compactMap { route in route.match(request.path).map { (route, $0) } }
        guard !found.isEmpty else { return .refused(.notFound, route: nil) }
        let method = request.method == "HEAD" ? "GET" : request.method
        guard let (route, raw) = found.first(where: { $0.0.method.rawValue == method }) else {
            return .refused(.methodNotAllowed, route: nil, allow: Self.allow(found.map(\.0)))
        }
        return admit(request, route, raw, by: link)
    }

    private func admit(
        _ request: AdminRequest, _ route: AdminRoute, _ parameter: String, by link: AdminLink
    ) -> Decision {
        var caller = AdminCaller.anybody
        if route.isChanging {
            do throws(AdminRefusal) {
                caller = try access.check(request, by: link)
            } catch {
                return .refused(error, route: route)
            }
        }
        guard let parameter = PercentEncoding.decode(parameter),
            let query = PercentEncoding.pairs(request.query)
        else { return .refused(.badTarget, route: route) }
        return .admitted(
            Admitted(
                target: .route(route),
                call: AdminCall(parameter: parameter, query: query, caller: caller)))
    }

    /// Asks the route, counts the call and tells of it.
    func answer(_ admitted: Admitted) async -> AdminResponse {
        switch admitted.target {
        case .metrics(let form):
            count("admin.read", "ok")
            return await pages.page(form)
        case .route(let route):
            let response = await route.answer(admitted.call)
            count(route.action, response.status < 400 || !route.isChanging ? "ok" : "failed")
            if route.isChanging {
                audit(
                    AdminAudit(
                        action: route.action, caller: admitted.call.caller, status: response.status,
                        summary: response.summary ?? "", refusal: nil))
            }
            return response
        }
    }

    /// The answer to a call that is not let through.
    func refuse(
        _ refusal: AdminRefusal, _ route: AdminRoute?, allow: String?, caller: AdminCaller
    ) -> AdminResponse {
        count(route?.action ?? "unknown", refusal.rawValue)
        if let route, route.isChanging {
            audit(
                AdminAudit(
                    action: route.action, caller: caller, status: refusal.status,
                    summary: refusal.detail, refusal: refusal))
        }
        var response = refusal.response
        response.allow = allow
        return response
    }

    private func count(_ action: String, _ result: String) {
        registry.counter(.adminCalls, [action, result], shard: 0).addShared()
    }

    private static func allow(_ routes: [AdminRoute]) -> String {
        var methods = routes.map(\.method.rawValue)
        if let index = methods.firstIndex(of: "GET") { methods.insert("HEAD", at: index + 1) }
        return methods.joined(separator: ", ")
    }
}

/// Which names and addresses stay on this machine.
enum Loopback {
    /// `localhost`, 127.0.0.0/8 or ::1.
    static func isName(_ name: String) -> Bool {
        if name.lowercased() == "localhost" || name == "::1" { return true }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "127" else { return false }
        return parts.allSatisfy { part in
            (1...3).contains(part.utf8.count) && part.utf8.allSatisfy { (48...57).contains($0) }
                && UInt8(part) != nil
        }
    }
}
