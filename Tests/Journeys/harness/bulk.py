"""Requests by the hundred thousand: one block of bytes is sent again and again, and so must its answer be."""
import socket
import struct
import threading

from . import envelopes


class Bulk:
    """A TCP connection that sends the same block of requests over and over.

    A block is in flight at a time. Services answer an ordered command in its order, so every answer to the
    block has the same bytes: each of its replies was looked at once, and all later ones are equal to it.
    """

    def __init__(self, gateway, user, *, block=200, payload=b"x" * 16):
        self.client = gateway.tcp(user, "protobuf", timeout=60.0)
        self.block = block
        bodies = [
            envelopes.encode("protobuf", envelopes.ECHO, seq=seq, payload=payload) for seq in range(1, block + 1)]
        self.bytes = b"".join(struct.pack("!I", len(body)) + body for body in bodies)
        self.client.send_bytes(self.bytes)
        replies = [self.client.receive() for _ in range(block)]
        assert [(one.seq, one.status, one.data) for one in replies] == [
            (seq, 0, payload) for seq in range(1, block + 1)], "the first block"
        assert not self.client.buffer, "more came than was asked for"
        raw = [one.raw.SerializeToString() for one in replies]
        self.answer = b"".join(struct.pack("!I", len(body)) + body for body in raw)
        self.done = block

    def run(self, blocks):
        received = bytearray(len(self.answer))
        connection: socket.socket = self.client.socket
        for _ in range(blocks):
            connection.sendall(self.bytes)
            view = memoryview(received)
            while view:
                count = connection.recv_into(view)
                assert count, "the gateway closed the connection"
                view = view[count:]
            assert received == self.answer, "another answer than the first time"
            self.done += self.block


def flood(gateway, total, *, connections=4, block=200):
    """Exactly `total` echoes over some connections at once; returns when each has its reply."""
    assert total % (connections * block) == 0
    bulks = [Bulk(gateway, f"bulk{number}", block=block) for number in range(connections)]
    problems = []

    def work(bulk):
        try:
            bulk.run(total // connections // block - 1)
        except Exception as problem:  # shown by the caller: a thread has nobody to raise it to
            problems.append(repr(problem))
    threads = [threading.Thread(target=work, args=(bulk,)) for bulk in bulks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, problems
    assert sum(bulk.done for bulk in bulks) == total
