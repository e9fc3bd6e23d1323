import SluiceVocabulary

extension CallDescription {
    /// Stands for the number of a call among those of its step: so many users, accounts or
    /// conversations, for limits that many share.
    static let placeholder = "{n}"

    /// Whether the calls of a step differ.
    var isNumbered: Bool {
        [caller.user, caller.device.id, loginUser, topic].contains {
            $0?.contains(Self.placeholder) == true
        }
    }

    /// The call with its number in place of `{n}`.
    ///
    /// - Parameter number: counted from 1.
    func numbered(_ number: Int) -> Self {
        func fill(_ text: String) -> String { text.replacing(Self.placeholder, with: "\(number)") }
        var call = self
        call.caller.user = caller.user.map(fill)
        call.caller.device.id = fill(caller.device.id)
        call.loginUser = loginUser.map(fill)
        call.topic = topic.map(fill)
        return call
    }
}
