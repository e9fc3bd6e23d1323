import Glibc
import NIOCore

/// What waits in the kernel at a listening socket: connections that stand for their clients and that
/// nobody has accepted yet.
///
/// Closing the socket resets them, with requests already sent on them. Runs on the socket's loop.
enum AcceptQueue {
    /// The kernel drops every SYN that comes from now on, so that the queue ends; handshakes under way
    /// come to their end. A client whose SYN is dropped sends it again after a second (RFC 6298
    /// section 2) and is refused then. Only for TCP.
    ///
    /// - Throws: the kernel's answer.
    static func dropHandshakes(at channel: any Channel) throws {
        // A classic BPF program (Linux Documentation/networking/filter.rst) over the TCP header.
        var program: [Instruction] = [
            // ldb [13]: the 14th byte has the flags (RFC 9293 section 3.1).
            Instruction(code: 0x30, value: 13),
            // jset #2: SYN leads to the next instruction, all else to the one after that.
            Instruction(code: 0x45, ifFalse: 1, value: 0x02),
            // ret #0: nothing of the packet stays; ret #-1: all of it.
            Instruction(code: 0x06, value: 0),
            Instruction(code: 0x06, value: .max),
        ]
        let result = try withSocket(of: channel) { socket in
            unsafe program.withUnsafeMutableBufferPointer { instructions in
                var whole = unsafe Program(
                    count: UInt16(instructions.count), instructions: instructions.baseAddress)
                return unsafe setsockopt(
                    socket, SOL_SOCKET, SO_ATTACH_FILTER, &whole,
                    socklen_t(MemoryLayout<Program>.size))
            }
        }
        if let result, result != 0 { throw IOError(errnoCode: errno, reason: "SO_ATTACH_FILTER") }
    }

    /// Whether somebody waits.
    static func isAwaited(at channel: any Channel) throws -> Bool {
        try withSocket(of: channel) { socket in
            var question = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            return unsafe poll(&question, 1, 0) > 0
        } ?? false
    }

    private static func withSocket<Result>(
        of channel: any Channel, _ body: (NIOBSDSocket.Handle) -> Result
    ) throws -> Result? {
        guard channel.isActive else { return nil }
        return try channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(body)
    }

    /// `struct sock_filter` of linux/filter.h.
    private struct Instruction {
        var code: UInt16
        var ifTrue: UInt8 = 0
        var ifFalse: UInt8 = 0
        var value: UInt32
    }

    /// `struct sock_fprog` of linux/filter.h.
    @unsafe private struct Program {
        var count: UInt16
        var instructions: UnsafeMutablePointer<Instruction>?
    }
}
