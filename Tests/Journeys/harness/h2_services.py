"""What journeys to services with HTTP/2 share."""
import pytest

from .envelopes import ECHO
from .gateway import limit, policy
from .h2_backend import H2Backend
from .http_backend import HTTPBackend
from .waiting import until

NOT_SAFE = {"echo": {"ordered": False, "retry_safe": False}}
SAFE = {"echo": {"ordered": False, "retry_safe": True}}
MEMBERS = {"name": "member-routes", "effect": "permit", "principal": {"roles": ["member"]}, "action": ["http.*"]}


@pytest.fixture
def backend():
    """make(handle, ...): a server of ours; http1=True one of HTTP/1.1."""
    made = []

    def make(*handle, http1=False, **more):
        made.append((HTTPBackend if http1 else H2Backend)(*handle, **more))
        return made[-1]

    yield make
    for one in made:
        one.close() if isinstance(one, HTTPBackend) else one.stop()


@pytest.fixture
def over_http2(gateway):
    """make(ports, service keys): a gateway of one loop whose `message` service speaks HTTP/2."""
    def make(*ports, settings=None, **more):
        def config(here):
            others = [one for one in here.config["services"] if one["name"] != "message"]
            service = {"name": "message", "link": "http", "http2": True, "base_path": "/do",
                       "backoff": {"min": "20ms", "max": "100ms"}, "connect_timeout": "5s",
                       "instances": [f"127.0.0.1:{port}" for port in ports]}
            return {"services": [*others, {**service, **(settings or {})}]}
        more.setdefault("loops", 1)
        more.setdefault("commands", NOT_SAFE)
        return gateway(config=config, **more)
    return make


@pytest.fixture
def behind(gateway):
    """make(service entry, ...): a gateway with a route `web` to it."""
    def make(service, rules=(MEMBERS,), route=None, **more):
        def config(here):
            routes = [{"name": "web", "prefix": "/web/", "service": "web", **(route or {})}]
            return {"services": [*here.config["services"], service], "routes": routes}
        return gateway(config=config, rules=policy(rules=rules), loops=1, **more)
    return make


def bearer(here, user="alice"):
    return f"Authorization: Bearer {here.token(user)}"


def statuses(client, count):
    return [client.echo().status for _ in range(count)]


def outcomes(client, seqs):
    return [client.reply(seq, timeout=20).status for seq in seqs]


HEADS = {
    "no status": [("content-type", "text/plain")],
    "a status of letters": [(":status", "2OO")],
    "two lengths": [(":status", "200"), ("content-length", "4"), ("content-length", "5")],
    "one length twice": [(":status", "200"), ("content-length", "4"), ("content-length", "4")],
    "a length with a sign": [(":status", "200"), ("content-length", "+4")],
    "letters for a length": [(":status", "200"), ("content-length", "four")],
    "too short": [(":status", "200"), ("content-length", "9")],
    "too long": [(":status", "200"), ("content-length", "1")],
    "101": [(":status", "101")],
    "103 and no more": [(":status", "103")],
    "103 and data": [(":status", "103")],
    "a field of HTTP/1": [(":status", "200"), ("transfer-encoding", "chunked")],
    "a name in capitals": [(":status", "200"), ("X-Upper", "a")],
    "a value of two lines": [(":status", "200"), ("x", "a\nb: c")],
    "a head of many frames": [(":status", "200"), *((f"x-{n}", "y" * 1_000) for n in range(400))],
    "a head too large": [(":status", "200"), *((f"x-{n}", "y" * 1_000) for n in range(40))],
}


def misbehave(connection, stream, case):
    """Answers in a way that breaks the protocol, or nearly."""
    told = connection.h2
    # It would not send what breaks the protocol.
    told.config.validate_outbound_headers = told.config.normalize_outbound_headers = False
    told.streams[stream].config = told.config
    told.send_headers(stream, HEADS[case])
    if case.startswith("103"):
        # An empty DATA frame, or one with data, that ends the stream.
        data = b"data" if case == "103 and data" else b""
        connection.flush()
        connection.socket.sendall(
            len(data).to_bytes(3, "big") + b"\x00\x01" + stream.to_bytes(4, "big") + data)
    else:
        told.send_data(stream, b"data", end_stream=True)


class Beside:
    """A gateway with one backend behind `message` and behind the route `web`, and bob's request under way in it. When it
    is left, bob must have his answer, all on one connection."""

    def __init__(self, backend, gateway, handle, more):
        self.handle, self.held = handle, []
        self.web = backend(self.answer, **more)
        rule = {"name": "talk", "effect": "permit", "principal": {"roles": ["member"]}, "action": ["*"]}

        def config(here):
            others = [one for one in here.config["services"] if one["name"] != "message"]
            return {"services": [*others, self.web.service("message")],
                    "routes": [{"name": "web", "prefix": "/web/", "service": "message"}]}
        self.here = gateway(config=config, rules=policy(limit("echo", 1_000, "1s"), rules=(MEMBERS, rule)), loops=1,
                            commands={"echo": {**NOT_SAFE["echo"], "timeout": "60s"}})

    def answer(self, request):
        if request.body == b'"hold"':
            self.held.append(request)
        else:
            self.handle(request)

    def __enter__(self):
        self.bob = self.here.connect("bob")
        self.bob.send(ECHO, "hold", seq=1)
        until(lambda: self.held, 5)
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            with self.web.connections[0].lock:
                self.held[0].echo()
            assert self.bob.reply(1).status == 0, "bob's request was under way on the same connection"
            assert len(self.web.connections) == 1 and self.web.goodbyes == [] and self.web.faults == []


@pytest.fixture
def beside(gateway, backend):
    return lambda handle=lambda request: request.echo(), **more: Beside(backend, gateway, handle, more)
