import SluiceEdge
package import SluiceVocabulary

extension Configuration {
    /// What policies decide about: commands and routes.
    package var actions: ActionCatalog {
        ActionCatalog(
            commands: commands.map(\.name) + routes.map { SluiceEdge.Route.actionName($0.name) })
    }

    /// The routes, with the actions that `catalog` names.
    func routeTable(_ catalog: ActionCatalog) -> RouteTable {
        RouteTable(
            routes.map { route in
                SluiceEdge.Route(
                    name: route.name, prefix: route.prefix, methods: route.methods,
                    headers: route.headers.sorted { $0.key < $1.key }.map {
                        SluiceEdge.Route.HeaderCondition(name: $0.key, value: $0.value)
                    },
                    service: route.service, rewrite: route.rewrite,
                    authentication: route.authentication, webSocket: route.webSocket,
                    timeoutMilliseconds: route.timeoutMilliseconds,
                    maxBodyBytes: route.maxBodyBytes,
                    forwardsAuthorization: route.forwardsAuthorization,
                    action: catalog.action(named: SluiceEdge.Route.actionName(route.name))
                        ?? .unknown)
            })
    }
}
