"""A TCP client that looks closely: what comes after cmd 13, how often it was pinged, any kind of socket."""
import socket
import struct
import time

from . import envelopes
from .clients import Closed, Conversation, TCPClient


class StrictTCPClient(TCPClient):
    """As `TCPClient`, but `Closed` comes with the end of the stream, which must follow cmd 13 at once."""

    def __init__(self, address, codec="json", *, token=None, timeout=10.0, family=socket.AF_INET, first=b"",
                 receive_buffer=None, answers_pings=True):
        Conversation.__init__(self, codec, timeout)
        self.answers_pings, self.pings, self.goodbye, self.buffer = answers_pings, 0, None, b""
        self.socket = socket.socket(family)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        if first:
            self.socket.sendall(first)
        if token:
            self.auth = self.authenticate(token)
            assert self.auth.status == 0, self.auth

    @staticmethod
    def framed(body):
        body = body.encode() if isinstance(body, str) else body
        return struct.pack("!I", len(body)) + body

    def send_bytes(self, data):
        """Bytes as they are, framed or not."""
        self.socket.sendall(data)

    def end(self):
        """Our FIN: nothing more is sent, everything is still heard."""
        self.socket.shutdown(socket.SHUT_WR)

    def frame(self, timeout=None):
        """The next body; Closed where the stream ends between two."""
        end = time.monotonic() + (timeout or self.timeout)
        try:
            self._need(4, end)
            size = struct.unpack("!I", self.buffer[:4])[0]
            self._need(4 + size, end)
        except Closed:
            assert not self.buffer, f"the stream ends within a message: {self.buffer[:40]!r}"
            raise Closed(*(self.goodbye or (None, ""))) from None
        body, self.buffer = self.buffer[4:4 + size], self.buffer[4 + size:]
        assert self.goodbye is None, f"something follows cmd 13: {body!r}"
        return body

    def receive(self, timeout=None):
        """The next message but pings, which are answered, and cmd 13, which is kept for the end."""
        end = time.monotonic() + (timeout or self.timeout)
        while True:
            body = self.frame(max(0.001, end - time.monotonic()))
            message = envelopes.decode(body.decode() if body[:1] == b"{" else body)
            # Who has said nothing readable yet is answered in protobuf.
            assert not self.auth or (body[:1] == b"{") == (self.codec == "json"), body
            if message.cmd == envelopes.CLOSE:
                self.goodbye = message.data["code"], message.data["reason"]
            elif message.cmd == envelopes.PING and message.seq == 0:
                self.pings += 1
                if self.answers_pings:
                    self.send(envelopes.PING)
            else:
                return message
