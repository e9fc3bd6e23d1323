"""HTTP/2 as frames: a client built on the `h2` package for what is right, on bare frames for what is not."""
import socket
import ssl

import h2.config
import h2.connection
import h2.events
import hpack
from hyperframe.frame import Frame, GoAwayFrame, HeadersFrame, PingFrame, RstStreamFrame, SettingsFrame

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def secure(port, authority=None, seconds=10.0):
    """A TLS connection that has agreed on h2."""
    context = ssl.create_default_context(cafile=authority)
    context.set_alpn_protocols(["h2"])
    made = context.wrap_socket(
        socket.create_connection(("127.0.0.1", port), timeout=seconds), server_hostname="localhost")
    assert made.selected_alpn_protocol() == "h2"
    return made


class HTTP2:
    """A well-behaved client; requests may overlap."""

    def __init__(self, port, authority, **validation):
        self.socket = secure(port, authority)
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8", **validation)
        self.connection = h2.connection.H2Connection(config)
        self.connection.initiate_connection()
        self.flush()
        self.answers, self.ended, self.resets, self.goaway = {}, set(), {}, None
        self.unread = b""
        self.window_held = False

    def flush(self):
        self.socket.sendall(self.connection.data_to_send())

    def ask(self, method, path, fields=(), body=None, end=True):
        stream = self.connection.get_next_available_stream_id()
        head = [(":method", method), (":scheme", "https"), (":authority", "localhost"), (":path", path), *fields]
        self.connection.send_headers(stream, head, end_stream=body is None and end)
        if body is not None:
            self.connection.send_data(stream, body, end_stream=end)
        self.flush()
        return stream

    def read(self):
        """Reads once; false when the gateway has closed."""
        try:
            data = self.socket.recv(65536)
        except (ConnectionResetError, ssl.SSLError):
            data = b""
        if not data:
            return False
        self.unread += data
        for event in self.events():
            match event:
                case h2.events.ResponseReceived():
                    self.answers[event.stream_id] = [dict(event.headers), b""]
                case h2.events.DataReceived():
                    self.answers[event.stream_id][1] += event.data
                    if not self.window_held:
                        self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                case h2.events.StreamEnded():
                    self.ended.add(event.stream_id)
                case h2.events.StreamReset():
                    self.resets[event.stream_id] = event.error_code
                case h2.events.ConnectionTerminated():
                    self.goaway = event.error_code
        self.flush()
        return True

    def events(self):
        """What the frames read so far say. With a GOAWAY the library takes the connection for closed and refuses what
        follows, but streams below it are still answered (RFC 9113 section 6.8): their bodies are read here."""
        while len(self.unread) >= 9:
            end = 9 + int.from_bytes(self.unread[:3])
            if len(self.unread) < end:
                return
            frame, self.unread = self.unread[:end], self.unread[end:]
            if self.goaway is None:
                yield from self.connection.receive_data(frame)
            elif frame[3] == 0:  # DATA, never padded by the gateway
                stream = int.from_bytes(frame[5:9])
                self.answers[stream][1] += frame[9:]
                if frame[4] & 1:
                    self.ended.add(stream)
            elif frame[3] == 6 and not frame[4] & 1:  # PING: the gateway closes once it is answered
                self.socket.sendall(frame[:4] + b"\1" + frame[5:])

    def response(self, stream):
        """(status, headers, body) of a stream."""
        while stream not in self.ended and stream not in self.resets:
            assert self.read(), f"closed before stream {stream} was answered"
        assert stream in self.answers, f"stream {stream} was reset with {self.resets.get(stream)}"
        headers, body = self.answers[stream]
        return int(headers[":status"]), headers, body

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Frames:
    """A client that writes frames as it pleases."""

    def __init__(self, port, authority):
        self.socket = secure(port, authority)
        self.encoder = hpack.Encoder()
        self.received = b""
        self.send(PREFACE + SettingsFrame(0).serialize())

    def send(self, data):
        self.socket.sendall(data)

    def head(self, stream, fields=(), method="POST", path="/v1/commands/echo", end=True, pseudo=None):
        """A HEADERS frame."""
        first = pseudo or [(":method", method), (":scheme", "https"), (":authority", "localhost"), (":path", path)]
        frame = HeadersFrame(stream, self.encoder.encode([*first, *fields], huffman=False))
        frame.flags |= {"END_HEADERS"} | ({"END_STREAM"} if end else set())
        return frame.serialize()

    def flood(self, pieces):
        """Sends until the gateway has had enough, or all is sent."""
        try:
            for piece in pieces:
                self.send(piece)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass

    def frames(self):
        """Yields the gateway's frames until it closes."""
        while True:
            while len(self.received) >= 9:
                frame, length = Frame.parse_frame_header(memoryview(self.received[:9]))
                if len(self.received) < 9 + length:
                    break
                frame.parse_body(memoryview(self.received[9:9 + length]))
                self.received = self.received[9 + length:]
                yield frame
            try:
                part = self.socket.recv(65536)
            except (ConnectionResetError, ssl.SSLError):
                return
            if not part:
                return
            self.received += part

    def goaway(self):
        """The error code of GOAWAY; everything until the gateway closes is read, its pings answered."""
        code = None
        for frame in self.frames():
            if isinstance(frame, PingFrame) and "ACK" not in frame.flags:
                self.flood([PingFrame(0, frame.opaque_data, flags=["ACK"]).serialize()])
            if isinstance(frame, GoAwayFrame):
                code = frame.error_code
        return code

    def ended(self, stream):
        """How a stream ends: ("reset", code), ("goaway", code), or ("answer", status)."""
        decoder = hpack.Decoder()
        for frame in self.frames():
            if isinstance(frame, RstStreamFrame) and frame.stream_id == stream:
                return "reset", frame.error_code
            if isinstance(frame, GoAwayFrame) and frame.error_code:
                return "goaway", frame.error_code
            if isinstance(frame, HeadersFrame):
                fields = dict(decoder.decode(frame.data))
                if frame.stream_id == stream:
                    return "answer", int(fields[":status"])
        return "closed", None

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
