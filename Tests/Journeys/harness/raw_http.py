"""HTTP as bytes: a client that says exactly what it is told, and a backend that keeps what it hears."""
import socket
import threading


class RawHTTP:
    """One connection of bytes."""

    def __init__(self, port, host="127.0.0.1", seconds=10.0):
        self.socket = socket.create_connection((host, port), timeout=seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""

    def send(self, data):
        self.socket.sendall(data)

    def until_closed(self):
        """Everything until the gateway closes; fails when it does not within the timeout."""
        while True:
            try:
                part = self.socket.recv(65536)
            except ConnectionResetError:
                break
            if not part:
                break
            self.received += part
        return self.received

    def response(self):
        """(status, headers, body) of the next response with Content-Length or in chunks."""
        status, headers = self.head()
        if status in (204, 304) or status < 200:
            return status, headers, b""
        if headers.get("transfer-encoding") == "chunked":
            return status, headers, self.chunks()
        return status, headers, self.exactly(int(headers["content-length"]))

    def head(self):
        while b"\r\n\r\n" not in self.received:
            self._more()
        head, _, self.received = self.received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return int(lines[0].split()[1]), headers

    def exactly(self, count):
        while len(self.received) < count:
            self._more()
        taken, self.received = self.received[:count], self.received[count:]
        return taken

    def chunks(self):
        body = b""
        while True:
            while b"\r\n" not in self.received:
                self._more()
            size, _, self.received = self.received.partition(b"\r\n")
            part = self.exactly(int(size, 16) + 2)
            if int(size, 16) == 0:
                return body
            body += part[:-2]

    def _more(self):
        part = self.socket.recv(65536)
        assert part, f"closed in the middle of a response: {self.received[:200]!r}"
        self.received += part

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class RecordingBackend:
    """Takes connections and keeps every byte; answers each request it makes out with the request's own body."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.heard = b""
        self.requests = []  # (request line, body)
        self.lock = threading.Lock()
        self.open = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                taken, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(taken)
            threading.Thread(target=self._serve, args=(taken,), daemon=True).start()

    def _serve(self, taken):
        pending = b""
        while True:
            try:
                part = taken.recv(65536)
            except OSError:
                return
            if not part:
                return
            pending += part
            with self.lock:
                self.heard += part
            while (end := pending.find(b"\r\n\r\n")) >= 0:
                head = pending[:end].decode("latin-1").split("\r\n")
                lengths = [line.split(":")[1] for line in head if line.lower().startswith("content-length:")]
                length = int(lengths[0]) if lengths else 0
                if len(pending) < end + 4 + length:
                    break
                body, pending = pending[end + 4:end + 4 + length], pending[end + 4 + length:]
                with self.lock:
                    self.requests.append((head[0], body))
                taken.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                    % (len(body), body))

    def close(self):
        self.listener.close()
        for taken in self.open:
            taken.close()
