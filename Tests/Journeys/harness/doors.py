"""One face for every way in: the same journey runs through each of them.

A door speaks one transport and one codec. What it did is kept in `done`, so that a journey can hold journal
and counters against it.
"""
import http.client
import json
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from websockets.exceptions import InvalidStatus

from . import envelopes
from .clients import Client, Closed, TCPClient
from .envelopes import Message

ACTIONS = {
    envelopes.ECHO: "echo", envelopes.SEND: "message.send", envelopes.HISTORY: "message.history",
    envelopes.FRIENDS: "friend.list", envelopes.PROFILE: "user.profile",
    envelopes.DOWN: "down.ask", envelopes.MUTE: "mute.ask",
}


class Door:
    """Common to all: names of commands, and the account of what was done."""
    transport = ""
    keeps_connection = True

    def __init__(self, gateway, codec, source):
        self.gateway, self.codec, self.source = gateway, codec, source
        self.done = []  # (action, status, refusal's name or None) of each request, in order
        self.user = None

    def note(self, cmd, reply):
        action = ACTIONS.get(cmd, "unknown")
        self.done.append((action, reply.status, reply.refusal["name"] if reply.refusal else None))
        return reply

    def outcomes(self):
        """Requests by (action, outcome), as sluice_requests_total counts them."""
        return Counter((action, outcome(name)) for action, _, name in self.done)

    def echo(self, data="hi", **fields):
        return self.request(envelopes.ECHO, data, **fields)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


UPSTREAM_FAULTS = {"bad_upstream_answer", "service_unavailable", "timed_out", "overloaded", "internal_error"}


def outcome(refusal):
    if refusal is None:
        return "ok"
    return "error" if refusal in UPSTREAM_FAULTS else "refused"


class Lasting(Door):
    """A door with one connection that lasts: WebSocket and TCP."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.client = None

    def open(self, token=None):
        raise NotImplementedError

    def enter(self, user="alice", token=None, **claims):
        """Comes in with a token, by the way this transport has; returns the reply to auth."""
        self.open(token or self.gateway.token(user, **claims))
        self.user = self.client.auth.data["user"]
        return self.client.auth

    def log_in(self, user, password):
        """The login command, before authentication, on a connection of this door."""
        if self.client is None:
            self.open()
        return self.client.log_in(user, password)

    def request(self, cmd, data=None, **fields):
        return self.note(cmd, self.client.request(cmd, data, **fields))

    def together(self, asked):
        """Sends (cmd, data) requests without waiting; returns the replies in the order they came."""
        first = self.client.sequence + 1
        for number, (cmd, data) in enumerate(asked):
            self.client.send(cmd, data, seq=first + number)
        self.client.sequence += len(asked)
        waiting = {first + number: cmd for number, (cmd, _) in enumerate(asked)}
        came = []
        while waiting:
            message = self.client.receive()
            if message.is_push or message.cmd < 100:
                self.client.pushes.append(message)
                continue
            came.append((message.seq - first, self.note(waiting.pop(message.seq), message)))
        return came

    def refresh(self, token):
        return self.client.request(envelopes.REFRESH, {"token": token})

    def log_out(self):
        return self.client.request(envelopes.LOGOUT)

    def push(self, cmd):
        return self.client.push(cmd)

    def close(self):
        if self.client:
            self.client.close()
            self.client = None


class WebSocketDoor(Lasting):
    transport = "websocket"

    def open(self, token=None):
        self.client = Client(self.gateway.url, self.codec, token=token, source_address=(self.source, 0))

    def refused(self, token):
        """The refusal of a token: the handshake fails with a problem document."""
        try:
            self.open(token)
        except InvalidStatus as no:
            assert no.response.status_code == 401, no.response
            return json.loads(no.response.body)["name"]
        raise AssertionError("a bad token opened a connection")


class TCPDoor(Lasting):
    transport = "tcp"

    def open(self, token=None):
        self.client = TCPClient(("127.0.0.1", self.gateway.tcp_port), self.codec, token=token, source=self.source)

    def refused(self, token):
        """The refusal of a token: the reply to auth, then the gateway says why it closes."""
        self.open()
        reply = self.client.authenticate(token)
        assert reply.status == 401, reply
        assert self.client.closed()[0] == (4505 if reply.refusal["name"] == "revoked" else 4500)
        self.close()
        return reply.refusal["name"]


class HTTPDoor(Door):
    """One request at a time on a kept connection; the codec is the type of the body."""
    transport = "http"
    keeps_connection = False

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.connection = self._connect()
        self.token = None

    def _connect(self):
        made = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=10, source_address=(self.source, 0))
        made.connect()
        made.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def enter(self, user="alice", token=None, **claims):
        self.token = token or self.gateway.token(user, **claims)
        self.user = user

    def post(self, path, body, kind="application/json", token=None, connection=None):
        """(status, headers, body) of a POST."""
        headers = {"Content-Type": kind}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        connection = connection or self.connection
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        assert not answer.will_close, (answer.status, answer.headers, content)
        return answer.status, answer.headers, content

    def command(self, cmd, data=None, *, payload=None, connection=None):
        name = ACTIONS.get(cmd, f"command.{cmd}")
        kind = "application/json" if payload is None else "application/octet-stream"
        if payload is None and self.codec == "bytes":
            # The bytes happen to be JSON; neither the gateway nor the type of the body says so.
            kind = "application/octet-stream"
        if payload is None:
            payload = b"" if data is None else json.dumps(data).encode()
        return self.read(cmd, *self.post("/v1/commands/" + name, payload, kind, self.token, connection))

    def read(self, cmd, status, headers, content):
        refusal, data = None, content
        kind = headers.get("Content-Type", "").partition(";")[0]
        if kind == "application/problem+json":
            refusal = json.loads(content)
            assert refusal["status"] == status, (status, refusal)
            refusal["message"] = refusal.pop("detail", "")
            if refusal.get("retry_after_ms"):
                assert int(headers["Retry-After"]) == -(-refusal["retry_after_ms"] // 1000), headers
            data = None
        elif status == 422:
            status, data = int(headers["Sluice-Status"]), json.loads(content)
        elif status == 204:
            status, data = 0, None
        else:
            assert status == 200, (status, content)
            status = 0
            if kind == "application/json":
                data = json.loads(content)
        return Message(cmd, 0, status, False, data, refusal)

    def request(self, cmd, data=None, **fields):
        return self.note(cmd, self.command(cmd, data, **fields))

    def together(self, asked):
        """Each on a connection of its own, all at once; replies in the order they came."""
        came = []

        def one(number, cmd, data):
            connection = self._connect()
            try:
                came.append((number, self.command(cmd, data, connection=connection)))
            finally:
                connection.close()

        with ThreadPoolExecutor(len(asked)) as pool:
            for future in [pool.submit(one, n, cmd, data) for n, (cmd, data) in enumerate(asked)]:
                future.result()
        for number, reply in came:
            self.note(asked[number][0], reply)
        return came

    def log_in(self, user, password):
        body = json.dumps({"user": user, "password": password}).encode()
        return self.read(envelopes.LOGIN, *self.post("/v1/login", body))

    def refresh(self, token):
        """HTTP has no connection to refresh: a refresh token is changed for a new pair."""
        return self.read(envelopes.REFRESH, *self.post("/v1/refresh", json.dumps({"refresh_token": token}).encode()))

    def log_out(self):
        return self.read(envelopes.LOGOUT, *self.post("/v1/logout", b"", token=self.token))

    def refused(self, token):
        reply = self.read(envelopes.ECHO, *self.post("/v1/commands/echo", b"{}", token=token))
        assert reply.status == 401, reply
        return reply.refusal["name"]

    def close(self):
        self.connection.close()


# name -> (class, codec). For HTTP the codec is how the body is typed.
DOORS = {
    "websocket-protobuf": (WebSocketDoor, "protobuf"), "websocket-json": (WebSocketDoor, "json"),
    "tcp-protobuf": (TCPDoor, "protobuf"), "tcp-json": (TCPDoor, "json"),
    "http-json": (HTTPDoor, "json"), "http-bytes": (HTTPDoor, "bytes"),
}
LASTING = [name for name, (kind, _) in DOORS.items() if kind.keeps_connection]
__all__ = ["DOORS", "LASTING", "Closed", "Door", "outcome"]
