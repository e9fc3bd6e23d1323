/// The commands the demo services answer, by the ids of Config/sluice.yaml.
package enum DemoCommand: UInt32, Sendable, CaseIterable {
    /// Answers with its payload.
    case echo = 100
    /// `{"to", "text"}` -> `{"id"}`, and a push to `to`.
    case messageSend = 1_001
    /// `{"with", "limit"}`, both optional -> `{"messages": [{"id", "from", "to", "text"}]}`.
    case messageHistory = 1_002
    /// The push of `messageSend`: `{"from", "text", "id"}`. Never called.
    case messageDeliver = 1_003
    /// Nothing -> `{"friends": [user]}`.
    case friendList = 1_101
    /// `{"user"}` -> `{"friends": bool}`, and a push to `user` when they are not friends yet.
    case friendRequest = 1_102
    /// The push of `friendRequest`: `{"from"}`. Never called.
    case friendRequested = 1_103
    /// `{"user"}`, optional -> `{"user_id", "name", "plan", "online"}`.
    case userProfile = 1_201
    /// `{"user", "online", "number", "node"}` -> `{"notify": [user]}`. From the gateway.
    case userPresence = 1_301
    /// `{"user", "password"}` -> `{"user_id", "roles", "plan"}`. From the gateway.
    case userLogin = 1_302
    /// `{"node", "epoch"}` -> `{}`: nobody is connected to that node any more. From the gateway.
    case userPresenceReset = 1_305
    /// Bytes -> `{"id", "bytes"}`.
    case mediaUpload = 1_401
    /// `{"id"}` -> the bytes.
    case mediaDownload = 1_402
}

/// What goes wrong in the demo services: the status of the reply, beside `{"error": text}`.
package enum DemoStatus: UInt32, Sendable, CaseIterable {
    /// The payload is not what the command takes.
    case badRequest = 1_400
    /// User or password is wrong.
    case badCredentials = 1_401
    /// No such user, no such command, or nothing kept under that id (any more).
    case notFound = 1_404
    /// The text is longer than is kept.
    case tooLong = 1_413
}
