import SluiceTestSupport
import SluiceUpstream
import SluiceVocabulary
import Testing

@Suite struct CommandTableTests {
    private let catalog = ActionCatalog(commands: ["a", "b"])

    private func error(_ definitions: [CommandDefinition]) -> CommandTableError? {
        do throws(CommandTableError) {
            _ = try CommandTable(definitions, services: ["s"], catalog: catalog)
            return nil
        } catch { return error }
    }

    @Test("commands are found by small id, by large id and by name")
    func find() throws {
        let table = try CommandTable(
            [
                CommandDefinition(id: 100, name: "a", service: "s"),
                CommandDefinition(id: 4_000_000_000, name: "b", service: "s"),
            ], services: ["other", "s"], catalog: catalog)
        #expect(table.find(100)?.name == "a")
        #expect(table.find(4_000_000_000)?.name == "b")
        #expect(table.named("b")?.id == 4_000_000_000)
        #expect(table.find(100)?.serviceIndex == 1)
        #expect(table.find(100)?.action == catalog.action(named: "a"))
        for id in [0, 1, 99, 101, 4_095, 4_096, .max] as [UInt32] { #expect(table.find(id) == nil) }
    }

    @Test("a list that cannot be used is refused with the command's name")
    func errors() {
        let good = CommandDefinition(id: 100, name: "a", service: "s")
        #expect(error([good]) == nil)
        #expect(
            error([CommandDefinition(id: 99, name: "a", service: "s")])
                == .reservedID(99, command: "a"))
        #expect(
            error([good, CommandDefinition(id: 100, name: "b", service: "s")])
                == .duplicateID(100, command: "b"))
        #expect(
            error([good, CommandDefinition(id: 101, name: "a", service: "s")])
                == .duplicateName("a"))
        #expect(
            error([CommandDefinition(id: 100, name: "a", service: "x")])
                == .unknownService("x", command: "a"))
        #expect(
            error([CommandDefinition(id: 100, name: "c", service: "s")])
                == .notInCatalog(command: "c"))
        #expect(
            error([CommandDefinition(id: 100, name: "a", service: "s", timeoutMilliseconds: 0)])
                == .badTimeout(command: "a"))
    }

    @Test("a command that services push needs no service to answer it")
    func push() throws {
        let table = try CommandTable(
            [CommandDefinition(id: 100, name: "a", service: "", from: .push)], services: [],
            catalog: catalog)
        #expect(table.find(100)?.serviceIndex == -1)
    }
}
