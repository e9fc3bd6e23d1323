"""Clients: Python's `websockets` for what is well-formed, a bare socket for what is not."""
import base64
import os
import socket
import struct
import time
from collections import deque

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from . import envelopes

SUBPROTOCOL = {"json": "sluice.v1.json", "protobuf": "sluice.v1"}
CODECS = tuple(SUBPROTOCOL)


class Closed(Exception):
    """The gateway closed the connection."""

    def __init__(self, code, reason):
        super().__init__(f"closed {code} {reason}")
        self.code, self.reason = code, reason


class Conversation:
    """What every connection that lasts has in common; `_send` and `_receive` move one envelope."""

    def __init__(self, codec, timeout):
        self.codec, self.timeout = codec, timeout
        self.sequence = 0
        self.pushes = deque()
        self.other_replies = deque()
        self.auth = None

    # Sending

    def send(self, cmd, data=None, *, seq=0, **fields):
        self.send_raw(envelopes.encode(self.codec, cmd, data, seq=seq, **fields))

    def send_raw(self, frame):
        raise NotImplementedError

    # Receiving

    def receive(self, timeout=None):
        """The next message of any kind."""
        raise NotImplementedError

    def request(self, cmd, data=None, *, timeout=None, **fields):
        """Sends one request and returns its reply; pushes that come meanwhile are kept."""
        self.sequence += 1
        self.send(cmd, data, seq=self.sequence, **fields)
        return self.reply(self.sequence, timeout)

    def reply(self, seq, timeout=None):
        for kept in list(self.other_replies):
            if kept.seq == seq:
                self.other_replies.remove(kept)
                return kept
        end = time.monotonic() + (timeout or self.timeout)
        while True:
            message = self.receive(max(0.001, end - time.monotonic()))
            if message.is_push or message.cmd in (envelopes.GOAWAY, envelopes.PRESENCE):
                self.pushes.append(message)
            elif message.seq == seq:
                return message
            else:
                self.other_replies.append(message)

    def push(self, cmd, timeout=None):
        """The next push of `cmd`; others are kept."""
        for kept in list(self.pushes):
            if kept.cmd == cmd:
                self.pushes.remove(kept)
                return kept
        end = time.monotonic() + (timeout or self.timeout)
        while True:
            message = self.receive(max(0.001, end - time.monotonic()))
            if message.cmd == cmd and (message.is_push or cmd < 100):
                return message
            (self.pushes if message.is_push or message.cmd < 100 else self.other_replies).append(message)

    def closed(self, timeout=None):
        """Waits for the gateway to close; returns (code, reason). Messages before that are kept."""
        end = time.monotonic() + (timeout or self.timeout)
        try:
            while True:
                message = self.receive(max(0.001, end - time.monotonic()))
                (self.pushes if message.is_push else self.other_replies).append(message)
        except Closed as closed:
            return closed.code, closed.reason

    # What clients do

    def authenticate(self, token, **device):
        body = {"token": token}
        if device:
            body["device"] = device
        return self.request(envelopes.AUTH, body)

    def log_in(self, user, password):
        return self.request(envelopes.LOGIN, {"user": user, "password": password})

    def echo(self, data="hi", **fields):
        return self.request(envelopes.ECHO, data, **fields)

    def close(self):
        raise NotImplementedError

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Client(Conversation):
    """One WebSocket connection that speaks Sluice's envelopes."""

    def __init__(self, url, codec="json", *, token=None, channel="header", headers=None, query="",
                 subprotocols=None, timeout=10.0, **more):
        super().__init__(codec, timeout)
        offered = [SUBPROTOCOL[codec]] if subprotocols is None else list(subprotocols)
        headers = dict(headers or {})
        if token and channel == "header":
            headers["Authorization"] = f"Bearer {token}"
        elif token and channel == "subprotocol":
            offered.append(f"bearer.{token}")
        elif token and channel == "query":
            query = f"token={token}" + (f"&{query}" if query else "")
        self.connection = connect(
            url + (f"?{query}" if query else ""), subprotocols=offered or None, additional_headers=headers,
            ping_interval=None, close_timeout=2, open_timeout=timeout, max_size=None, compression=None, proxy=None,
            legacy=True, **more)
        self.subprotocol = self.connection.subprotocol
        if token and channel != "frame":
            self.auth = self.receive()
            assert (self.auth.cmd, self.auth.seq, self.auth.status) == (envelopes.AUTH, 0, 0), self.auth
        elif token:
            self.auth = self.authenticate(token)
            assert self.auth.status == 0, self.auth

    def send_raw(self, frame):
        try:
            self.connection.send(frame)
        except ConnectionClosed as closed:
            raise self._closed(closed) from None

    def receive(self, timeout=None):
        try:
            return envelopes.decode(self.connection.recv(timeout=timeout or self.timeout))
        except ConnectionClosed as closed:
            raise self._closed(closed) from None

    @staticmethod
    def _closed(closed):
        frame = closed.rcvd
        return Closed(frame.code if frame else None, frame.reason if frame else "")

    def close(self):
        self.connection.close()


class TCPClient(Conversation):
    """One TCP connection: a length of four bytes, big-endian, then an envelope."""

    def __init__(self, address, codec="json", *, token=None, timeout=10.0, source="", tls=None, server_name=None,
                 first=b""):
        """first: bytes sent before anything else, a PROXY header for one."""
        super().__init__(codec, timeout)
        self.socket = socket.create_connection(address, timeout, (source, 0) if source else None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if first:
            self.socket.sendall(first)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname=server_name)
        self.buffer = b""
        if token:
            self.auth = self.authenticate(token)
            assert self.auth.status == 0, self.auth

    def send_raw(self, frame):
        body = frame.encode() if isinstance(frame, str) else frame
        try:
            self.socket.sendall(struct.pack("!I", len(body)) + body)
        except (BrokenPipeError, ConnectionResetError):
            raise Closed(None, "") from None

    def _need(self, count, end):
        while len(self.buffer) < count:
            self.socket.settimeout(max(0.001, end - time.monotonic()))
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                raise Closed(None, "")
            self.buffer += data

    def receive(self, timeout=None):
        """The gateway's cmd 13 is its close frame: it raises Closed like one."""
        end = time.monotonic() + (timeout or self.timeout)
        self._need(4, end)
        size = struct.unpack("!I", self.buffer[:4])[0]
        self._need(4 + size, end)
        body, self.buffer = self.buffer[4:4 + size], self.buffer[4 + size:]
        message = envelopes.decode(body.decode() if body[:1] == b"{" else body)
        if message.cmd == envelopes.CLOSE:
            raise Closed(message.data["code"], message.data["reason"])
        if message.cmd == envelopes.PING and not message.seq:
            # The gateway asks for a sign of life; any byte is one.
            self.send(envelopes.PING)
            return self.receive(max(0.001, end - time.monotonic()))
        return message

    def close(self):
        self.socket.close()


class RawWebSocket:
    """A WebSocket handshake and hand-made frames on a bare socket: for peers that misbehave."""

    def __init__(self, port, path="/ws", *, subprotocol=None, headers=(), receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(10)
        self.socket.connect(("127.0.0.1", port))
        lines = [
            f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket", "Connection: Upgrade",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}", "Sec-WebSocket-Version: 13",
            *([f"Sec-WebSocket-Protocol: {subprotocol}"] if subprotocol else []), *headers,
        ]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self._more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        self.status = int(head.split(b" ", 2)[1])
        self.head = head.decode()

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError("the gateway ended the connection")
        return data

    def send_frame(self, opcode, payload=b"", *, fin=True, masked=True, reserved=0):
        head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
        bit = 0x80 if masked else 0
        size = len(payload)
        if size < 126:
            head += bytes([bit | size])
        elif size < 65536:
            head += bytes([bit | 126]) + struct.pack("!H", size)
        else:
            head += bytes([bit | 127]) + struct.pack("!Q", size)
        if masked:
            mask = os.urandom(4)
            payload = mask + bytes(byte ^ mask[index & 3] for index, byte in enumerate(payload))
        self.socket.sendall(head + payload)

    def _need(self, count):
        while len(self.buffer) < count:
            self.buffer += self._more()

    def frame(self, timeout=10.0):
        """The next frame of the gateway: (opcode, payload)."""
        self.socket.settimeout(timeout)
        self._need(2)
        first, second = self.buffer[:2]
        assert not second & 0x80, "a server must not mask (RFC 6455 section 5.1)"
        size, start = second & 0x7F, 2
        if size == 126:
            self._need(4)
            size, start = struct.unpack("!H", self.buffer[2:4])[0], 4
        elif size == 127:
            self._need(10)
            size, start = struct.unpack("!Q", self.buffer[2:10])[0], 10
        self._need(start + size)
        payload, self.buffer = self.buffer[start:start + size], self.buffer[start + size:]
        return first & 0x0F, payload

    def close_code(self, timeout=10.0):
        """Reads up to the gateway's close frame and returns its code; None where the line just ends."""
        end = time.monotonic() + timeout
        try:
            while time.monotonic() < end:
                opcode, payload = self.frame(max(0.01, end - time.monotonic()))
                if opcode == 8:
                    return struct.unpack("!H", payload[:2])[0] if payload else 1005
        except (EOFError, ConnectionResetError):
            return None
        raise AssertionError("no close frame in time")

    def close(self):
        self.socket.close()
