import Foundation
import NIOCore
import NIOEmbedded
import SluiceFraming
import SluicePolicy
import SluiceTestSupport
import SluiceUpstream
import SluiceVocabulary
import Testing

/// What a call costs, without a socket. Run with SLUICE_MEASURE=<turns>; prints, never fails.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["SLUICE_MEASURE"] != nil))
struct CostTests {
    @Test("nanoseconds of a dispatch and of a reply, 64 calls a turn")
    func cost() throws {
        let environment = ProcessInfo.processInfo.environment
        let turns = environment["SLUICE_MEASURE"].flatMap(Int.init) ?? 1_000
        let calls = environment["SLUICE_MEASURE_CALLS"].flatMap(Int.init) ?? 64
        let rig = try Rig()
        var ended = 0
        rig.upstream.onResult = { _, _ in ended += 1 }
        let command = try #require(rig.commands.named("ordered"))
        let request = envelope(payload: String(repeating: "x", count: 128))
        let reply = envelope(kind: 1, payload: String(repeating: "y", count: 128))
        let channel = rig.instances[0].channel
        _ = channel.takeWritten()
        var answers = ByteBuffer()
        answers.reserveCapacity(64 * 1_024)
        var dispatching: UInt64 = 0
        var replying: UInt64 = 0
        for turn in 0..<turns {
            let start = DispatchTime.now().uptimeNanoseconds
            request.withBytes { bytes in
                for call in 0..<calls {
                    let context = CallContext(
                        requester: ConnectionID(loop: 0, slot: call, generation: 1),
                        transport: .websocket,
                        seq: UInt64(turn), command: command, requestNumber: 1,
                        startedAt: rig.clocks.monotonic(), bytesIn: 128, stickyKey: UInt64(call),
                        rule: "a rule that members may send")
                    _ = rig.upstream.dispatch(
                        .own(.login), envelope: bytes, stamp: rig.stamp, context: context)
                }
            }
            rig.loop.run()
            let middle = DispatchTime.now().uptimeNanoseconds
            answers.clear()
            for var written in channel.takeWritten() {
                while let frame = try LinkCodec.read(&written, maxFrameBytes: 1 << 20) {
                    reply.withBytes {
                        LinkCodec.write(.reply, stream: frame.stream, body: $0, into: &answers)
                    }
                }
            }
            let late = DispatchTime.now().uptimeNanoseconds
            channel.receive(answers)
            let end = DispatchTime.now().uptimeNanoseconds
            dispatching += middle - start
            replying += end - late
            rig.loop.run()
        }
        #expect(ended == turns * calls)
        let count = UInt64(turns * calls)
        print(
            "dispatch \(dispatching / count) ns, reply \(replying / count) ns, \(calls) calls a turn"
        )
    }
}
