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
    /// An instance that can be reached is out of the balance.
    package static let upstreamEjected = "d620427bbfe44949ad605dde70c562f1"
    /// An ejected instance is back.
    package static let upstreamReturned = "d620427bbfe44949ad605dde70c562f2"
    /// A breaker has opened.
    package static let breakerOpen = "d620427bbfe44949ad605dde70c562f3"
    /// A breaker lets calls pass again.
    package static let breakerClosed = "d620427bbfe44949ad605dde70c562f4"
    /// Too few instances are well, or enough again.
    package static let upstreamPanic = "d620427bbfe44949ad605dde70c562f5"
    /// Journal entries were lost.
    package static let logDrops = "d620427bbfe44949ad605dde70c562b7"
    /// The sizes of all maps, asked for with SIGUSR1.
    package static let state = "d620427bbfe44949ad605dde70c562b8"
    /// Nobody counts what journald suppresses: the journal cannot be read.
    package static let journalUnreadable = "d620427bbfe44949ad605dde70c562b9"
    /// The policy can make more metric series than the budget has room for.
    package static let seriesBudget = "d620427bbfe44949ad605dde70c562ba"

    /// A certificate in use has expired, soon will, or is otherwise doubtful.
    package static let certificate = "d620427bbfe44949ad605dde70c562c1"

    /// The key source has other keys, does not answer, or answers again.
    package static let keySource = "d620427bbfe44949ad605dde70c562d1"

    /// A source tells of other instances of a service, or answers again.
    package static let discoveryChanged = "d620427bbfe44949ad605dde70c562e1"
    /// A source of instances does not answer; what it told last stays.
    package static let discoveryFailed = "d620427bbfe44949ad605dde70c562e2"
    /// An answer dropped more than half of the instances at once; they stay for now.
    package static let discoveryHeldBack = "d620427bbfe44949ad605dde70c562e3"
    /// This gateway entered or left a registry, or could not.
    package static let registration = "d620427bbfe44949ad605dde70c562e4"

    package static let all = [
        started, stopping, reloadOK, reloadRejected, upstreamDown, upstreamUp, logDrops, state,
        journalUnreadable, seriesBudget, certificate, keySource, discoveryChanged, discoveryFailed,
        discoveryHeldBack, registration, upstreamEjected, upstreamReturned, breakerOpen,
        breakerClosed, upstreamPanic,
    ]
}
