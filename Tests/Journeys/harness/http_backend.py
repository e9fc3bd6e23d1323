"""An HTTP/1.1 service of our own: each journey says what it answers, down to the byte."""
import base64
import hashlib
import socket
import threading


class Request:
    def __init__(self, line, headers, fields, connection):
        self.method, self.target, _ = line.split(" ")
        self.path, _, self.query = self.target.partition("?")
        self.headers, self.fields, self.connection = headers, fields, connection
        self.body = b""

    def __getitem__(self, name):
        return self.headers.get(name.lower())


class Gone(Exception):
    """The other side closed."""


class Connection:
    """One connection of the backend, for handlers that speak bytes."""

    def __init__(self, taken):
        self.socket, self.buffer = taken, b""

    def more(self):
        part = self.socket.recv(65536)
        if not part:
            raise Gone
        self.buffer += part

    def until(self, mark):
        while mark not in self.buffer:
            self.more()
        found, _, self.buffer = self.buffer.partition(mark)
        return found

    def exactly(self, count):
        while len(self.buffer) < count:
            self.more()
        found, self.buffer = self.buffer[:count], self.buffer[count:]
        return found

    def body(self, request):
        """The request's body, part by part."""
        if request["transfer-encoding"] == "chunked":
            while (size := int(self.until(b"\r\n"), 16)) > 0:
                yield self.exactly(size)
                self.exactly(2)
            self.until(b"\r\n")
        else:
            left = int(request["content-length"] or 0)
            while left:
                if not self.buffer:
                    self.more()
                part, self.buffer = self.buffer[:left], self.buffer[left:]
                left -= len(part)
                yield part

    def answer(self, status=200, body=b"", **headers):
        fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        self.socket.sendall(
            f"HTTP/1.1 {status} Said\r\nContent-Length: {len(body)}\r\n{fields}\r\n".encode() + body)

    def send(self, data):
        self.socket.sendall(data)


class HTTPBackend:
    """handle(request, connection) answers; its return value False closes the connection.

    Without `handle`, whatever comes is answered with 200 and the request's body.
    tls: an ssl.SSLContext to speak TLS with; handshakes that fail are kept in `tls_problems`.
    """

    def __init__(self, handle=None, port=0, tls=None, host="127.0.0.1"):
        self.handle = handle or self.echo
        self.requests, self.problems, self.open = [], [], set()
        self.accepted, self.tls, self.tls_problems = 0, tls, []
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((host, port))
        self.listener.listen(256)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @staticmethod
    def echo(request, connection):
        request.body = b"".join(connection.body(request))
        connection.answer(200, request.body, Content_Type=request["content-type"] or "text/plain")

    def service(self, name="web", **more):
        """Its entry under `services:`."""
        return {"name": name, "link": "http", "instances": [f"127.0.0.1:{self.port}"],
                "backoff": {"min": "20ms", "max": "100ms"}, **more}

    def _accept(self):
        while True:
            try:
                taken, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            self.open.add(taken)
            threading.Thread(target=self._serve, args=(taken,), daemon=True).start()

    def _serve(self, taken):
        if self.tls:
            self.open.discard(taken)
            try:
                taken = self.tls.wrap_socket(taken, server_side=True)
            except OSError as error:
                self.tls_problems.append(str(error))
                return taken.close()
            self.open.add(taken)
        connection = Connection(taken)
        try:
            while True:
                head = connection.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
                fields = [tuple(line.split(": ", 1)) for line in head[1:]]
                request = Request(head[0], {name.lower(): value for name, value in fields}, fields, connection)
                self.requests.append(request)
                if self.handle(request, connection) is False:
                    return
        except (Gone, OSError):
            pass
        except Exception as error:  # shown by the journey, which asserts that there is none
            self.problems.append(repr(error))
        finally:
            self.open.discard(taken)
            taken.close()

    def cut(self):
        """Breaks every connection with a reset."""
        for taken in list(self.open):
            try:
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                taken.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        # Closing alone leaves a listener open as long as a thread waits in it.
        if self.listener.fileno() >= 0:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
        self.cut()


def accept_web_socket(request, connection, protocol=None):
    """Answers an upgrade as RFC 6455 has it."""
    digest = hashlib.sha1((request["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    chosen = f"Sec-WebSocket-Protocol: {protocol}\r\n" if protocol else ""
    connection.send((
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}\r\n{chosen}\r\n").encode())
