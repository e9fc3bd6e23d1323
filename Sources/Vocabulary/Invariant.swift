/// Stops the process when something that cannot be is: a bug of ours, never a peer's fault.
///
/// Stays on in release builds; the message names the broken rule and holds no data.
@inlinable
package func invariant(
    _ condition: @autoclosure () -> Bool, _ rule: @autoclosure () -> StaticString,
    file: StaticString = #fileID, line: UInt = #line
) {
    if !condition() { preconditionFailure("invariant broken: \(rule())", file: file, line: line) }
}
