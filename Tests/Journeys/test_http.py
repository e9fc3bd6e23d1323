"""HTTP/1 as clients use it: order, keep-alive, expectations, deadlines, media types; and one account per request."""
import json
import socket
import time

import pytest
from harness import envelopes
from harness.raw_http import RawHTTP
from harness.waiting import until


def echo(token, body, *fields, length=None, method="POST", path="/v1/commands/echo", version="1.1"):
    body = body if isinstance(body, bytes) else body.encode()
    lines = [f"{method} {path} HTTP/{version}", "Host: gateway", f"Authorization: Bearer {token}", *fields]
    if not any(line.lower().startswith("transfer-encoding") for line in lines):
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def test_pipelined_requests_are_answered_in_their_order(gateway):
    here = gateway(loops=1)
    token = here.token("alice")
    with RawHTTP(here.port) as client:
        count = 50
        client.send(b"".join(echo(token, json.dumps(number)) for number in range(count)))
        assert [json.loads(client.response()[2]) for _ in range(count)] == list(range(count))
        # One that the gateway answers itself must wait for the service's answer before it.
        client.send(echo(token, '"first"') + b"GET /nowhere HTTP/1.1\r\nHost: gateway\r\n\r\n" + echo(token, '"last"'))
        assert [client.response()[0] for _ in range(3)] == [200, 404, 200]
    assert here.metric("sluice_requests_total", transport="http", action="echo", outcome="ok") == count + 2
    until(lambda: here.metric("sluice_connections", transport="http") == 0)


def test_keep_alive_is_as_the_client_wishes(gateway):
    here = gateway()
    token = here.token("alice")
    with RawHTTP(here.port) as client:
        client.send(echo(token, "1", "Connection: close"))
        status, headers, _ = client.response()
        assert (status, headers["connection"]) == (200, "close")
        assert client.until_closed() == b""
    with RawHTTP(here.port) as client:
        client.send(echo(token, "1", version="1.0"))
        status, headers, _ = client.response()
        assert (status, headers["connection"]) == (200, "close")
        assert client.until_closed() == b""
    with RawHTTP(here.port) as client:
        for _ in range(2):
            client.send(echo(token, "1", "Connection: keep-alive", version="1.0"))
            status, headers, _ = client.response()
            assert (status, headers["connection"]) == (200, "keep-alive")


def test_the_body_is_asked_for_once_it_is_wanted(gateway):
    here = gateway(limits={"max_body_bytes": 5_000})
    token = here.token("alice")
    with RawHTTP(here.port) as client:
        client.send(echo(token, b"", "Expect: 100-continue", length=3))
        assert client.head()[0] == 100
        client.send(b"123")
        assert client.response()[2] == b"123"
        # And not when it would be too large: the answer comes without a byte of it.
        client.send(echo(token, b"", "Expect: 100-continue", length=5_001))
        status, headers, _ = client.response()
        assert (status, headers["connection"]) == (413, "close")
        assert client.until_closed() == b""
    assert here.metric("sluice_limit_exceeded_total", limit="max_body_bytes") == 1


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_a_body_over_the_limit_is_refused_and_the_answer_arrives(gateway, framing):
    here = gateway(limits={"max_body_bytes": 2_000})
    token = here.token("alice")
    with RawHTTP(here.port) as client:
        if framing == "length":
            client.send(echo(token, b"x" * 500_000))
        else:
            client.send(echo(token, b"1f4\r\n" + b"x" * 500 + b"\r\n", "Transfer-Encoding: chunked"))
            client.send((b"1f4\r\n" + b"x" * 500 + b"\r\n") * 10)
        status, headers, body = client.response()
        assert status == 413 and json.loads(body)["name"] == "too_large"
        assert headers["connection"] == "close"
    until(lambda: here.metric("sluice_connections", transport="http") == 0)


def test_the_answer_to_HEAD_has_no_body(gateway):
    here = gateway()
    with RawHTTP(here.port) as client:
        client.send(b"HEAD /nowhere HTTP/1.1\r\nHost: gateway\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: gateway\r\n\r\n")
        status, headers = client.head()
        assert status == 404 and int(headers["content-length"]) > 0
        assert client.response()[0] == 404


@pytest.mark.parametrize("kind, status", [
    (None, 200), ("application/json", 200), ("application/json; charset=utf-8", 200), ("application/vnd.x+json", 200),
    ("application/x-www-form-urlencoded", 200), ("text/plain", 415), ("multipart/form-data", 415), ("image/png", 415),
])
def test_the_media_type_says_what_the_body_is(gateway, kind, status):
    here = gateway()
    with RawHTTP(here.port) as client:
        client.send(echo(here.token("alice"), '{"a":1}', *([f"Content-Type: {kind}"] if kind else [])))
        answered, headers, body = client.response()
        assert answered == status, body
        assert headers["content-type"] == ("application/json" if status == 200 else "application/problem+json")


@pytest.mark.parametrize("kind", ["application/octet-stream", "application/x-protobuf"])
def test_bytes_travel_as_bytes(gateway, kind):
    here = gateway()
    body = bytes(range(256))
    with RawHTTP(here.port) as client:
        client.send(echo(here.token("alice"), body, f"Content-Type: {kind}"))
        status, headers, answered = client.response()
        assert (status, headers["content-type"], answered) == (200, "application/octet-stream", body)


@pytest.mark.parametrize("limit, reason, said", [
    ("handshake_timeout", "handshake_timeout", b""),
    ("handshake_timeout", "handshake_timeout", b"POST /v1/commands/echo HTTP/1.1\r\nHost: "),
    ("body_timeout", "body_timeout", b"POST /v1/login HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n{"),
    ("keep_alive_timeout", "idle", b"GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("handshake_timeout", "handshake_timeout", b"GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\nGET"),
], ids=["silence", "half a head", "half a body", "no second request", "half a second request"])
def test_every_wait_for_the_client_has_an_end(gateway, limit, reason, said):
    here = gateway(limits={limit: "300ms"})
    begun = time.monotonic()
    with RawHTTP(here.port) as client:
        client.send(said)
        client.until_closed()
        assert time.monotonic() - begun > 0.2
    assert here.metric("sluice_limit_exceeded_total", limit=limit) == 1
    assert here.metric("sluice_connections_closed_total", transport="http", reason=reason) == 1


def test_a_body_that_trickles_is_let_be(gateway):
    """The deadline is for progress: a slow client is not an idle one."""
    here = gateway(limits={"body_timeout": "3s"})
    body = b'"' + b"x" * 12 + b'"'
    with RawHTTP(here.port) as client:
        client.send(echo(here.token("alice"), b"", length=len(body)))
        begun = time.monotonic()
        for byte in body:
            client.send(bytes([byte]))
            until(lambda at=time.monotonic(): time.monotonic() > at + 0.3)
        assert time.monotonic() - begun > 3.5  # longer than the deadline
        assert client.response()[2] == body


def test_a_client_that_leaves_before_its_answer_is_accounted_for(gateway):
    here = gateway(commands={"message.history": {"timeout": "5s"}})
    token = here.token("alice")
    with RawHTTP(here.port) as client:
        client.send(echo(token, "1"))
        assert client.response()[0] == 200
        client.send(echo(token, "1" * 60_000))
        client.socket.shutdown(socket.SHUT_RDWR)
    until(lambda: here.metric("sluice_requests_total", transport="http", action="echo") == 2)


def test_a_refused_request_is_journalled_with_its_reason(gateway):
    here = gateway()
    with RawHTTP(here.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: gateway\r\nX: a\r\n b\r\n\r\n")
        assert client.until_closed().startswith(b"HTTP/1.1 400 ")
    (entry,) = until(lambda: here.journal("SLUICE_EVENT=request"), 15)
    assert entry["SLUICE_REFUSAL"] == "folded_line" and entry["SLUICE_STATUS"] == "400", entry
    assert here.metric("sluice_http_violations_total", reason="folded_line") == 1
    until(lambda: here.metric("sluice_connections_closed_total", reason="bad_request") == 1)


def test_requests_before_an_upgrade_and_frames_behind_it(gateway):
    """A connection may be used for HTTP first; frames sent with the upgrade are heard after the greeting."""
    here = gateway()
    token = here.token("alice")
    frame = envelopes.encode("json", envelopes.ECHO, "early", seq=1).encode()
    mask = b"\1\2\3\4"
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(frame))
    upgrade = (
        "GET /ws HTTP/1.1\r\nHost: gateway\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        f"Sec-WebSocket-Protocol: sluice.v1.json\r\nAuthorization: Bearer {token}\r\n\r\n").encode()
    with RawHTTP(here.port) as client:
        client.send(echo(token, "1"))
        assert client.response()[0] == 200
        client.send(upgrade + bytes([0x81, 0x80 | len(frame)]) + mask + masked)
        assert client.head()[0] == 101
        greeting, reply = (read_frame(client) for _ in range(2))
        assert (greeting["cmd"], reply["cmd"], reply["data"]) == (1, 100, "early")


def read_frame(client):
    first, length = client.exactly(2)
    assert first == 0x81
    if length == 126:
        length = int.from_bytes(client.exactly(2), "big")
    return json.loads(client.exactly(length))
