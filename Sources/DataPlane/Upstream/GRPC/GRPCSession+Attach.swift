import NIOCore
import NIOHTTP2
import SluiceFraming
import SluiceVocabulary

/// `Attach`, which is open as long as the connection: pushes come down, their results go up. And the
/// question of the health service.
extension GRPCSession {
    /// Opens the stream and says hello; where there is no room for it, before the next call.
    func attach() {
        isAttachDue = attached == nil && !isDraining
        guard isAttachDue, mayOpen else { return }
        isAttachDue = false
        let id = open(
            GRPCStream(.attach), requestHeaders(path: "/sluice.v1.Backend/Attach"))
        attached = id
        var message = ByteBuffer()
        hello.withBytes { BackendMessage.write(hello: $0, to: &message) }
        write(id, data: message, isLast: false)
        link.wantsFlush()
    }

    /// A service without pushes does not have it; any other end is followed by a new beginning.
    func attachEnded(_ code: Int) {
        attached = nil
        guard code != GRPCStatus.unimplemented, !isDraining, let context else { return }
        let pause = TimeAmount.milliseconds(link.pool.definition.backoffMaximumMilliseconds)
        attachTimer?.cancel()
        attachTimer = context.eventLoop.assumeIsolated().scheduleTask(in: pause) { [self] in
            link.beginTurn()
            attach()
        }
    }

    /// Passes on every whole push that has come.
    func readPushes(_ id: HTTP2StreamID) {
        while connection.isHeard, let place = streams.index(forKey: id) {
            let before = streams.values[place].body.readableBytes
            do {
                let message = try BackendMessage.read(
                    &streams.values[place].body, maxBytes: limits.maxLinkFrameBytes)
                guard let message else {
                    streams.values[place].body.discardReadBytes()
                    return
                }
                partialBytes &-= before &- streams.values[place].body.readableBytes
                let push = try BackendMessage.push(in: message)
                link.received(
                    LinkFrame(kind: .push, flags: 0, stream: push.id, body: push.body),
                    on: connection)
            } catch {
                // Nobody knows where the next message begins.
                link.pool.meters.malformedPushes.add()
                guard remove(id) != nil else { return }
                reset(id)
                link.wantsFlush()
                return attachEnded(2)
            }
        }
    }

    /// The result of a push.
    func answer(_ frame: LinkFrame) {
        guard let attached else { return }
        guard queuedBytes <= limits.maxLinkQueueBytes else {
            // A peer that does not read its results gets no more of them.
            guard remove(attached) != nil else { return }
            reset(attached)
            return attachEnded(2)
        }
        var message = ByteBuffer()
        BackendMessage.write(
            result: frame.body.readableBytesSpan, id: frame.stream, to: &message)
        write(attached, data: message, isLast: false)
    }

    /// Asks `grpc.health.v1.Health`; the answer goes to the link's prober.
    /// - Returns: false where no stream may be opened now.
    func check(_ number: UInt64) -> Bool {
        if let checked, remove(checked) != nil {
            // It is late by now; kept, each would take a stream from the calls.
            reset(checked)
            link.wantsFlush()
        }
        guard mayOpen else { return false }
        let id = open(
            GRPCStream(.check(number)), requestHeaders(path: "/grpc.health.v1.Health/Check"))
        checked = id
        var message = ByteBuffer()
        BackendMessage.writeEmpty(to: &message)
        write(id, data: message, isLast: true)
        link.wantsFlush()
        return true
    }
}
