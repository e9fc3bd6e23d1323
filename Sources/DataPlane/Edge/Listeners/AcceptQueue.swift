import Glibc
import NIOCore

/// What waits in the kernel at a listening socket: connections that stand for their clients and that
/// nobody has accepted yet.
///
/// Closing the socket resets them, with requests already sent on them. Runs on the socket's loop.
enum AcceptQueue {
    /// The kernel drops every SYN that comes from now on, so that the queue ends; handshakes under way
    /// come to their end. A client whose SYN is dropped sends it again after a second (RFC 6298
    /// section 2) and is then refused.
    ///
    /// - Throws: the kernel's answer.
    static func dropHandshakes(at channel: any Channel) throws {
        channel.eventLoop.preconditionInEventLoop()
        guard let provider = channel as? any SocketOptionProvider else { return }
        // A classic BPF program (Linux Documentation/networking/filter.rst) over the TCP header.
        let program: [Instruction] = [
            // Its 14th byte are the flags (RFC 9293 section 3.1).
            Instruction(code: UInt16(BPF_LD | BPF_B | BPF_ABS), value: 13),
            // SYN leads to the next instruction, all else to the one after that.
            Instruction(code: UInt16(BPF_JMP | BPF_JSET | BPF_K), ifFalse: 1, value: 0x02),
            Instruction(code: UInt16(BPF_RET | BPF_K), value: 0),
            Instruction(code: UInt16(BPF_RET | BPF_K), value: .max),
        ]
        // On the loop it is done when the call returns, while the program is still in its place.
        let set = unsafe program.withUnsafeBufferPointer { instructions in
            unsafe provider.unsafeSetSocketOption(
                level: .socket, name: NIOBSDSocket.Option(rawValue: SO_ATTACH_FILTER),
                value: Program(
                    count: UInt16(instructions.count), instructions: instructions.baseAddress))
        }
        var failure: (any Error)?
        set.assumeIsolated().whenFailure { failure = $0 }
        if let failure { throw failure }
    }

    /// How many connections wait; 0 where the kernel does not say.
    static func count(at channel: any Channel) -> Int {
        channel.eventLoop.preconditionInEventLoop()
        guard let provider = channel as? any SocketOptionProvider else { return 0 }
        var count = 0
        // Of a listening socket, tcpi_unacked is the length of its queue (Linux net/ipv4/tcp.c).
        provider.getTCPInfo().assumeIsolated().whenSuccess { count = Int($0.tcpi_unacked) }
        return count
    }

    private static let (BPF_LD, BPF_JMP, BPF_RET) = (0x00, 0x05, 0x06)
    private static let (BPF_B, BPF_ABS, BPF_JSET, BPF_K) = (0x10, 0x20, 0x40, 0x00)

    /// `struct sock_filter` of linux/filter.h.
    private struct Instruction {
        var code: UInt16
        var ifTrue: UInt8 = 0
        var ifFalse: UInt8 = 0
        var value: UInt32
    }

    /// `struct sock_fprog` of linux/filter.h. Never leaves the call it is made for.
    @unsafe private struct Program: @unchecked Sendable {
        var count: UInt16
        var instructions: UnsafePointer<Instruction>?
    }
}
