/// The command ids that belong to the gateway itself: 1-99, the application's start at 100.
package enum GatewayCommand: UInt32, Sendable, CaseIterable {
    case auth = 1
    case ping = 2
    case ack = 3
    case refresh = 4
    case login = 5
    case logout = 6
    case goaway = 10
    case kicked = 11
    case presence = 12
    case close = 13
    case pushes = 14
    case userChanged = 15

    /// The first id an application may use.
    package static let firstApplicationCommand: UInt32 = 100
}
