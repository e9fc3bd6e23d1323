/// Every key a file of tests may have, by the mapping it stands in: what the schema for editors
/// must list.
package struct PolicyTestKeys: Sendable {
    package let file = PolicyTestReader.fileKeys
    package let test = PolicyTestReader.testKeys
    package let step = PolicyTestReader.stepKeys
    package let send = PolicyTestReader.sendKeys
    package let expect = PolicyTestReader.expectKeys
    /// Those that are no claims.
    package let fixture = ["sub", "roles", "claims"] + Caller.connectionKeys

    package init() {}
}
