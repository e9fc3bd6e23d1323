import NIOCore
import NIOEmbedded
import SluiceFraming
import SluicePolicy
import SluiceTestSupport
import SluiceUpstream
import SluiceVocabulary
import Testing

@Suite struct PushTests {
    private func push(_ users: [String]) -> [UInt8] {
        LinkPush(
            targets: .users(users), deliveryClass: .must, ttlMilliseconds: 0,
            envelope: ByteBuffer(string: "e")
        ).encoded()
    }

    @Test("a push is handed over and its result answered on its stream")
    func delivered() throws {
        let rig = try Rig()
        var pushes: [LinkPush] = []
        var answer: ((PushResult) -> Void)?
        rig.upstream.onPush = {
            pushes.append($0)
            #expect($1.instance == rig.instances[0].address.text)
            answer = $2
        }
        try rig.instances[0].say(.push, stream: 77, push(["bob"]))
        #expect(pushes.map(\.targets) == [.users(["bob"])])
        var result = PushResult()
        result.delivered = 2
        answer?(result)
        rig.loop.run()
        let frame = try #require(try rig.instances[0].frames().first)
        #expect(frame.kind == .pushResult && frame.stream == 77)
        #expect(frame.body == ByteBuffer(bytes: [8, 2]))
    }

    @Test("the answer to a push of a lost link goes nowhere")
    func lateAnswer() throws {
        let rig = try Rig()
        var answer: ((PushResult) -> Void)?
        rig.upstream.onPush = { answer = $2 }
        try rig.instances[0].say(.push, stream: 77, push(["bob"]))
        rig.instances[0].channel.close(promise: nil)
        rig.advance(milliseconds: 50)
        rig.greet()
        answer?(PushResult())
        rig.loop.run()
        #expect(try rig.instances[0].frames().isEmpty)
    }

    @Test("a push that cannot be read or names too many delivers to nobody; the link stays")
    func badPush() throws {
        var limits = Limits()
        limits.maxPushTargets = 2
        let rig = try Rig(limits: limits)
        var pushes = 0
        rig.upstream.onPush = { _, _, _ in pushes += 1 }
        try rig.instances[0].say(.push, stream: 1, [0xFF])
        try rig.instances[0].say(.push, stream: 2, push(["a", "b", "c"]))
        try rig.instances[0].say(.push, stream: 0, push(["a", "b", "c"]))
        rig.loop.run()
        #expect(pushes == 0)
        #expect(try rig.instances[0].frames().map(\.stream) == [1, 2])
        #expect(rig.book.count("limit max_push_targets") == 2)
        #expect(rig.book.count("malformed s") == 1)
        #expect(rig.instances[0].channel.isActive)
    }

    @Test("a call of the gateway itself gets the answer's status and payload")
    func ownCall() throws {
        let rig = try Rig()
        let command = try #require(rig.commands.named("own"))
        var answers: [String] = []
        func ask() {
            rig.upstream.call(.own(.login), command: command, payload: Array("{}".utf8)) { result in
                switch result {
                case .success(let answer):
                    answers.append(
                        "\(answer.status) \(String(decoding: answer.payload, as: UTF8.self))")
                case .failure(let refusal): answers.append(refusal.kind.name)
                }
            }
            rig.loop.run()
        }
        ask()
        let call = try #require(try rig.instances[0].calls().first)
        let view = try ProtobufEnvelope.scan(call.body.readableBytesSpan)
        #expect(view.cmd == 102 && view.format == 1 && view.seq == 1 && view.payload.count == 2)
        #expect(view.deadlineMilliseconds == 1_000)
        try rig.instances[0].reply(to: call, status: 1_401, payload: "no")
        ask()
        rig.advance(milliseconds: 1_010)
        ask()
        rig.instances[0].channel.close(promise: nil)
        rig.loop.run()
        ask()
        #expect(answers == ["1401 no", "timed_out", "service_unavailable", "service_unavailable"])
        #expect(rig.upstream.pendingCalls == 0)
    }
}
