import NIOHTTP1

/// All routes. Immutable; shared by all loops.
package struct RouteTable: Sendable, Equatable {
    /// What a request meets.
    enum Match {
        case route(Route)
        /// The path is somebody's, the method is not.
        case wrongMethod(allowed: [String])
        case none
    }

    /// Longest prefix first; of one prefix, the one with most conditions first.
    private let routes: [Route]

    package init(_ routes: [Route] = []) {
        self.routes = routes.enumerated().sorted { left, right in
            let (a, b) = (left.element, right.element)
            if a.prefix.utf8.count != b.prefix.utf8.count {
                return a.prefix.utf8.count > b.prefix.utf8.count
            }
            if a.headers.count != b.headers.count { return a.headers.count > b.headers.count }
            return left.offset < right.offset
        }.map(\.element)
    }

    var isEmpty: Bool { routes.isEmpty }

    /// The longest prefix decides, whatever its routes want besides: falling back to a shorter one
    /// would bring a request past the rules of the longer.
    func find(_ path: String, _ head: HTTPRequestHead) -> Match {
        guard let first = routes.first(where: { $0.holds(path) }) else { return .none }
        let candidates = routes.filter {
            $0.prefix == first.prefix && Self.agrees($0, head.headers)
        }
        let method = head.method.rawValue
        if let route = candidates.first(where: { $0.methods?.contains(method) ?? true }) {
            return .route(route)
        }
        if candidates.isEmpty { return .none }
        return .wrongMethod(allowed: candidates.flatMap { $0.methods ?? [] })
    }

    private static func agrees(_ route: Route, _ headers: HTTPHeaders) -> Bool {
        route.headers.allSatisfy { condition in
            let values = headers[condition.name]
            guard let wanted = condition.value else { return !values.isEmpty }
            return values == [wanted]
        }
    }
}
