/// Identities of the events `journalctl -x` explains; `Config/journald/sluice.catalog` has a text
/// for each, and a test compares the two.
package enum MessageID {
    /// The gateway serves.
    package static let started = "d620427bbfe44949ad605dde70c562b1"
    /// The gateway drains and stops.
    package static let stopping = "d620427bbfe44949ad605dde70c562b2"
    /// A reload took effect, or found nothing changed.
    package static let reloadOK = "d620427bbfe44949ad605dde70c562b3"
    /// A reload was rejected; what was in force stays.
    package static let reloadRejected = "d620427bbfe44949ad605dde70c562b4"
    /// An instance of a service cannot be reached.
    package static let upstreamDown = "d620427bbfe44949ad605dde70c562b5"
    /// An instance of a service is connected.
    package static let upstreamUp = "d620427bbfe44949ad605dde70c562b6"
    /// Journal entries were lost.
    package static let logDrops = "d620427bbfe44949ad605dde70c562b7"
    /// The sizes of all maps, asked for with SIGUSR1.
    package static let state = "d620427bbfe44949ad605dde70c562b8"

    /// A certificate in use has expired, soon will, or is otherwise doubtful.
    package static let certificate = "d620427bbfe44949ad605dde70c562c1"

    /// The key source has other keys, does not answer, or answers again.
    package static let keySource = "d620427bbfe44949ad605dde70c562d1"

    package static let all = [
        started, stopping, reloadOK, reloadRejected, upstreamDown, upstreamUp, logDrops, state,
        certificate, keySource,
    ]
}
