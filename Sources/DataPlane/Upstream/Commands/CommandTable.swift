package import SluiceVocabulary

/// Why a list of commands cannot be used. Names the command, so that a loader finds its line.
package enum CommandTableError: Error, Equatable {
    /// 1-99 are the gateway's own and 0 is none.
    case reservedID(UInt32, command: String)
    case duplicateID(UInt32, command: String)
    case duplicateName(String)
    case unknownService(String, command: String)
    /// The catalog was built from another list of commands.
    case notInCatalog(command: String)
    /// A timeout must be 1 ms to 1 hour.
    case badTimeout(command: String)

    /// What the operator reads.
    package var text: String {
        switch self {
        case .reservedID(let id, let command):
            "command `\(command)`: id \(id) is reserved; use 100 or more"
        case .duplicateID(let id, let command): "command `\(command)`: id \(id) is taken already"
        case .duplicateName(let name): "command `\(name)` is declared twice"
        case .unknownService(let service, let command):
            "command `\(command)`: there is no service `\(service)`"
        case .notInCatalog(let command): "command `\(command)` is not in the action catalog"
        case .badTimeout(let command): "command `\(command)`: timeout must be 1 ms to 1 h"
        }
    }
}

/// All commands by id and by name. Immutable; shared by all loops.
package final class CommandTable: Sendable {
    /// Ids below this are found in an array, the others by a hash.
    private static let denseIDs: UInt32 = 4_096
    private static let longestTimeoutMilliseconds: UInt32 = 3_600_000

    /// In the order of the configuration.
    package let all: [Command]
    private let dense: [Command?]
    private let sparse: [UInt32: Command]
    private let names: [String: Command]

    /// - Parameters:
    ///   - definitions: the commands, any order.
    ///   - services: names of the services; `Command.serviceIndex` counts in it.
    ///   - catalog: must hold every command's name.
    package init(
        _ definitions: [CommandDefinition], services: [String], catalog: ActionCatalog
    ) throws(CommandTableError) {
        var all: [Command] = []
        var sparse: [UInt32: Command] = [:]
        var names: [String: Command] = [:]
        for definition in definitions {
            let command = try Self.resolve(definition, services: services, catalog: catalog)
            guard sparse.updateValue(command, forKey: command.id) == nil else {
                throw .duplicateID(command.id, command: command.name)
            }
            guard names.updateValue(command, forKey: command.name) == nil else {
                throw .duplicateName(command.name)
            }
            all.append(command)
        }
        let size = (all.map(\.id).filter { $0 < Self.denseIDs }.max() ?? 0) + 1
        self.all = all
        self.dense = (0..<size).map { sparse[$0] }
        self.sparse = sparse
        self.names = names
    }

    private static func resolve(
        _ definition: CommandDefinition, services: [String], catalog: ActionCatalog
    ) throws(CommandTableError) -> Command {
        guard definition.id >= 100 else {
            throw .reservedID(definition.id, command: definition.name)
        }
        guard (1...longestTimeoutMilliseconds).contains(definition.timeoutMilliseconds) else {
            throw .badTimeout(command: definition.name)
        }
        guard let action = catalog.action(named: definition.name) else {
            throw .notInCatalog(command: definition.name)
        }
        let index = services.firstIndex(of: definition.service)
        let needsNone = definition.from == .push && definition.service.isEmpty
        guard index != nil || needsNone else {
            throw .unknownService(definition.service, command: definition.name)
        }
        return Command(definition, serviceIndex: index ?? -1, action: action)
    }

    /// The command with this id, whoever may start it.
    package func find(_ id: UInt32) -> Command? {
        if id < UInt32(truncatingIfNeeded: dense.count) { return dense[Int(id)] }
        return id < Self.denseIDs ? nil : sparse[id]
    }

    /// The command with this name, whoever may start it.
    package func named(_ name: String) -> Command? { names[name] }
}
