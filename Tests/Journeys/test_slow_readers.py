"""Clients that do not read, or read slowly: what waits for them is bounded, and nothing of an answer is lost."""
import contextlib
import json
import socket
import threading

import pytest
from harness.certificates import Authority
from harness.gateway import policy
from harness.http_backend import HTTPBackend
from harness.raw_http import RawHTTP
from harness.raw_http2 import Frames
from harness.waiting import Deadline, until
from hyperframe.frame import DataFrame, SettingsFrame

BODY = json.dumps("x" * 60_000).encode()
ANSWERED = dict(transport="http", action="echo", outcome="ok")


class SlowClient(RawHTTP):
    """A client whose kernel keeps little of what it has not read."""

    def __init__(self, port):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        self.socket.settimeout(20)
        self.socket.connect(("127.0.0.1", port))
        self.received = b""


def echo(token, *fields):
    lines = ["POST /v1/commands/echo HTTP/1.1", "Host: gateway", f"Authorization: Bearer {token}",
             f"Content-Length: {len(BODY)}", *fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + BODY


def sending(client, data):
    """Sends beside the journey: the gateway does not take all of it at once, or hangs up."""
    def send():
        with contextlib.suppress(ConnectionError):
            client.socket.sendall(data)
    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return thread


def rests(here, seconds=1.0):
    """The answers so far, once there have been no more for a while."""
    def answered():
        return here.metric("sluice_requests_total", **ANSWERED)

    count = until(answered)
    while True:
        try:
            count = until(lambda: (now := answered()) > count and now, seconds, every=0.1)
        except Deadline:
            return count


def test_pipelined_requests_wait_until_the_answers_before_them_are_read(gateway):
    here = gateway(loops=1)
    count = 400
    with SlowClient(here.port) as client:
        sender = sending(client, echo(here.token("alice")) * count)
        # What the kernels hold is answered, and not much more.
        assert rests(here) < count / 2
        assert all(client.response()[2] == BODY for _ in range(count))
        sender.join(10)
    assert here.metric("sluice_requests_total", **ANSWERED) == count
    until(lambda: here.metric("sluice_connections", transport="http") == 0)


def test_the_last_answer_reaches_a_client_that_reads_slowly(gateway):
    here = gateway(loops=1)
    token = here.token("alice")
    count = 200
    with SlowClient(here.port) as client:
        sending(client, echo(token) * (count - 1) + echo(token, "Connection: close"))
        read = 0
        while here.metric("sluice_requests_total", **ANSWERED) < count:
            read += len(client.exactly(32_768))
        # All is answered. The gateway waits, or the kernels hold all that is left: nothing may get lost.
        with contextlib.suppress(Deadline):
            until(lambda: here.metric("sluice_connections", transport="http") == 0, 2)
        rest = client.until_closed()
    assert rest.endswith(BODY)
    assert (read + len(rest)) // len(BODY) == count


def test_a_client_that_never_reads_is_let_go(gateway):
    here = gateway(loops=1, limits={"body_timeout": "1s"})
    with SlowClient(here.port) as client:
        sending(client, echo(here.token("alice")) * 400)
        until(lambda: here.metric("sluice_limit_exceeded_total", limit="body_timeout") == 1)
        until(lambda: here.metric("sluice_connections", transport="http") == 0)


def test_an_http2_answer_that_nobody_takes_does_not_wait_for_ever(gateway, tmp_path):
    authority = Authority(tmp_path)
    server = authority.issue("localhost")

    def config(here):
        tls = {"certificates": [server.listed], "http2": True}
        return {"listeners": [{"name": "main", "address": "127.0.0.1", "port": here.port, "tls": tls}]}
    here = gateway(loops=1, config=config, limits={"body_timeout": "1s"})
    with Frames(here.port, authority.certificate) as client:
        # No window: the answer's head comes, its body must wait.
        client.send(SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 0}).serialize())
        fields = [("authorization", f"Bearer {here.token('alice')}"), ("content-length", "3")]
        client.send(client.head(1, fields, end=False) + DataFrame(1, b'"a"', flags=["END_STREAM"]).serialize())
        assert client.ended(1) == ("answer", 200)
        assert client.ended(1)[0] == "reset"
    assert here.metric("sluice_limit_exceeded_total", limit="body_timeout") == 1


def test_a_download_waits_for_a_client_that_pauses(gateway):
    size = 30_000_000

    def handle(request, connection):
        connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        for _ in range(size // 100_000):
            connection.send(b"d" * 100_000)

    web = HTTPBackend(handle)
    routes = [{"name": "web", "prefix": "/web/", "service": "web", "authentication": "none", "timeout": "4s"}]
    may = {"name": "routes", "effect": "permit", "principal": {"anonymous": True}, "action": ["http.*"]}

    def config(here):
        return {"services": [*here.config["services"], web.service()], "routes": routes}
    here = gateway(loops=1, config=config, rules=policy(rules=[may]))
    with SlowClient(here.port) as client:
        client.send(b"GET /web/a HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.head()[0] == 200
        # Longer than the service may be silent: but it is the client that is waited for.
        with pytest.raises(Deadline):
            until(lambda: here.metric("sluice_connections", transport="http") == 0, 5.0)
        assert client.exactly(size) == b"d" * size
    until(lambda: here.metric("sluice_requests_total", transport="http", action="http.web", outcome="ok") == 1)
    web.close()
