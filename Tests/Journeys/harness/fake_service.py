"""A service of our own on the native link, for answers the demo services never give."""
import contextlib
import socket
import struct
import threading

from . import envelopes

HELLO, CALL, REPLY, PUSH, PUSH_RESULT, CANCEL, PING, GOAWAY = range(1, 9)
ANSWER = 1  # flag of a ping


def frame(kind, stream=0, body=b"", flags=0):
    """u32 length (of what follows it), u8 kind, u8 flags, u16 zero, u32 stream, body; big-endian."""
    return struct.pack("!IBBHI", 8 + len(body), kind, flags, 0, stream) + body


class FakeService:
    """Says hello, keeps the calls it gets, and answers when the journey says so.

    answer(call) may return bytes (an Envelope), raw link bytes through `send_raw`, or None = keep silent.
    tls: an ssl.SSLContext to speak TLS with; handshakes that fail are kept in `tls_problems`.
    answers_pings: False = it hangs, as the link sees it.
    """

    def __init__(self, answer=None, port=0, tls=None, host="127.0.0.1"):
        self.answer, self.answers_pings = answer, True
        self.tls, self.tls_problems, self.peer_certificates = tls, [], []
        self.calls, self.cancelled, self.push_results = [], [], []
        self.connections = []
        self._lock = threading.Lock()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((host, port))
        self._listener.listen(64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if self.tls:
                threading.Thread(target=self._secure, args=(connection,), daemon=True).start()
                continue
            with self._lock:
                self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _secure(self, connection):
        try:
            connection = self.tls.wrap_socket(connection, server_side=True)
        except OSError as error:
            self.tls_problems.append(str(error))
            return connection.close()
        self.peer_certificates.append(connection.getpeercert())
        with self._lock:
            self.connections.append(connection)
        self._serve(connection)

    def _serve(self, connection):
        hello = envelopes.classes()["LinkHello"](version=1, node="fake").SerializeToString()
        buffer = b""
        try:
            connection.sendall(frame(HELLO, 0, hello))
            while data := connection.recv(65536):
                buffer += data
                while len(buffer) >= 12:
                    length, kind, flags, _, stream = struct.unpack("!IBBHI", buffer[:12])
                    if len(buffer) < 4 + length:
                        break
                    body, buffer = buffer[12:4 + length], buffer[4 + length:]
                    self._take(connection, kind, flags, stream, body)
        except OSError:
            pass

    def _take(self, connection, kind, flags, stream, body):
        if kind == PING and not flags & ANSWER:
            if self.answers_pings:
                connection.sendall(frame(PING, stream, body, ANSWER))
        elif kind == CANCEL:
            self.cancelled.append(stream)
        elif kind == PUSH_RESULT:
            self.push_results.append(envelopes.classes()["LinkPushResult"].FromString(body))
        elif kind == CALL:
            call = Call(self, connection, stream, envelopes.classes()["Envelope"].FromString(body), body)
            self.calls.append(call)
            if self.answer:
                answer = self.answer(call)
                if answer is not None:
                    call.reply(answer)

    def push(self, cmd, data, *, users=(), everybody=False, delivery=0, stream=1):
        """Pushes to clients over the first link; the result arrives in `push_results`."""
        inner = envelopes.classes()["Envelope"](cmd=cmd, kind=2, format=1, payload=data)
        setattr(inner, "class", delivery)
        push = envelopes.classes()["LinkPush"](
            users=list(users), all=everybody, ttl_ms=1000, envelope=inner.SerializeToString())
        setattr(push, "class", delivery)
        self.connections[-1].sendall(frame(PUSH, stream, push.SerializeToString()))

    def drop_links(self):
        """Cuts every link, as a crash does; the listener stays."""
        with self._lock:
            for connection in self.connections:
                with contextlib.suppress(OSError):  # one that the gateway gave up before
                    connection.shutdown(socket.SHUT_RDWR)
            self.connections.clear()

    def stop(self):
        if self._listener.fileno() < 0:
            return  # a journey stopped it before
        # Closing alone does not end an accept() under way: it would take one more link.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()


class Call:
    def __init__(self, service, connection, stream, envelope, raw):
        self.service, self.connection, self.stream = service, connection, stream
        self.envelope, self.raw = envelope, raw

    def reply(self, body: bytes):
        self.connection.sendall(frame(REPLY, self.stream, body))

    def reply_json(self, text: bytes, status=0):
        self.reply(envelopes.classes()["Envelope"](
            cmd=self.envelope.cmd, seq=self.envelope.seq, status=status, kind=1, format=1,
            payload=text).SerializeToString())

    def send_raw(self, data: bytes):
        self.connection.sendall(data)
