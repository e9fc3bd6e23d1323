"""HTTP/2 over TLS: the same API, many requests at once, and an end to each abuse."""
import json
import re
import socket
import subprocess

import pytest
from harness.certificates import Authority
from harness.gateway import limit, policy
from harness.http_backend import HTTPBackend
from harness.raw_http2 import HTTP2, Frames
from harness.waiting import until
from hyperframe.frame import (
    ContinuationFrame, DataFrame, GoAwayFrame, HeadersFrame, PingFrame, PriorityFrame, RstStreamFrame, SettingsFrame,
)

ECHO = "/v1/commands/echo"
CALM = 0xB  # ENHANCE_YOUR_CALM
STREAM_CLOSED_CODES = (1, 2, 3, 5, 7)


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    made = Authority(tmp_path_factory.mktemp("http2"))
    made.server = made.issue("localhost")
    return made


@pytest.fixture
def secure(gateway, authority):
    """make(...): a gateway whose listener speaks TLS and offers h2."""
    def make(**more):
        more.setdefault("loops", 1)
        also = more.pop("config", lambda here: {})

        def config(here):
            tls = {"certificates": [authority.server.listed], "http2": True}
            return {"listeners": [{"name": "main", "address": "127.0.0.1", "port": here.port, "tls": tls}], **also(here)}
        here = gateway(config=config, **more)
        here.authority = authority.certificate
        return here
    return make


def bearer(here, user="alice"):
    return ("authorization", f"Bearer {here.token(user)}")


def closed(here, reason):
    return here.metric("sluice_connections_closed_total", transport="http", reason=reason)


# What works

def test_curl_and_nghttp_speak_it(secure, authority):
    here = secure()
    url = f"https://localhost:{here.port}{ECHO}"
    token = here.token("alice")
    made = subprocess.run(
        ["curl", "-sS", "--http2", "--cacert", authority.certificate, "--resolve", f"localhost:{here.port}:127.0.0.1",
         "-w", "\n%{http_version} %{http_code}", "-H", f"Authorization: Bearer {token}", "-d", '{"a":1}', url],
        capture_output=True, text=True, check=True).stdout
    assert made == '{"a":1}\n2 200'
    body = here.folder / "body.json"
    body.write_text('"nghttp"')
    made = subprocess.run(
        ["nghttp", "--no-verify-peer", "-v", "-H", f"Authorization: Bearer {token}", "-d", body, url],
        capture_output=True, text=True, check=True, timeout=20).stdout
    assert ":status: 200" in made and "negotiated protocol: h2" in made.lower(), made
    assert here.metric("sluice_requests_total", transport="http", action="echo", outcome="ok") == 2


def test_http1_is_spoken_to_who_does_not_ask_for_h2(secure, authority):
    here = secure()
    made = subprocess.run(
        ["curl", "-sS", "--http1.1", "--cacert", authority.certificate, "--resolve",
         f"localhost:{here.port}:127.0.0.1", "-w", "\n%{http_version} %{http_code}",
         "-H", f"Authorization: Bearer {here.token('alice')}", "-d", "[1]", f"https://localhost:{here.port}{ECHO}"],
        capture_output=True, text=True, check=True).stdout
    assert made == "[1]\n1.1 200"


def test_h2load_has_no_failures(secure):
    here = secure(loops=2)
    body = here.folder / "body.json"
    body.write_text('{"hello":"world"}')
    made = subprocess.run(
        ["h2load", "-n", "4000", "-c", "8", "-m", "20", "-d", body, "-H", f"Authorization: Bearer {here.token('alice')}",
         f"https://127.0.0.1:{here.port}{ECHO}"], capture_output=True, text=True, check=True, timeout=120).stdout
    assert re.search(r"requests: 4000 total, 4000 started, 4000 done, 4000 succeeded, 0 failed", made), made
    assert here.metric("sluice_requests_total", transport="http", action="echo", outcome="ok") == 4000
    assert here.metric("sluice_connections_opened_total", transport="http") == 8


def test_requests_share_a_connection_and_are_counted_each(secure):
    here = secure()
    with HTTP2(here.port, here.authority) as client:
        streams = [client.ask("POST", ECHO, [bearer(here)], json.dumps(number).encode()) for number in range(30)]
        assert [json.loads(client.response(stream)[2]) for stream in streams] == list(range(30))
        assert here.metric("sluice_connections", transport="http") == 1
    assert here.metric("sluice_requests_total", transport="http", action="echo", outcome="ok") == 30
    entries = until(lambda: (found := here.journal("SLUICE_ACTION=echo")) and len(found) == 30 and found, 15)
    assert len({entry["SLUICE_REQUEST_ID"] for entry in entries}) == 30
    assert len({entry["SLUICE_CONNECTION_ID"] for entry in entries}) == 1
    until(lambda: closed(here, "client_closed") + closed(here, "connection_lost") == 1)


def test_refusals_are_the_same_as_everywhere(secure):
    here = secure(rules=policy(limit("one", 1, "1h", burst=1)), limits={"max_body_bytes": 2_000})
    with HTTP2(here.port, here.authority) as client:
        def call(path, body, *fields, method="POST"):
            status, headers, answer = client.response(client.ask(method, path, fields, body))
            assert "connection" not in headers and "transfer-encoding" not in headers
            return status, headers, json.loads(answer)
        assert call(ECHO, b"1", bearer(here))[0] == 200
        status, headers, problem = call(ECHO, b"1", bearer(here))
        assert (status, problem["name"], problem["rule"]) == (429, "rate_limited", "one")
        assert headers["content-type"] == "application/problem+json" and int(headers["retry-after"]) > 0
        assert call(ECHO, b"1")[0] == 401
        assert call("/nowhere", b"1")[0] == 404
        assert call("/v1/commands/no.such", b"1", bearer(here))[0] == 404
        assert call("/ws", None, method="GET")[0] == 400
        assert call(ECHO, b"x" * 2_001, bearer(here))[0] == 413
        assert call("/x/../y", b"1")[0] == 400
        # And the connection is as good as before.
        assert call("/nowhere", None, method="GET")[0] == 404


def test_a_drain_lets_requests_end(secure):
    here = secure()
    with Frames(here.port, here.authority) as client:
        client.send(client.head(1, [bearer(here)], end=False) + DataFrame(1, b'"lat').serialize())
        until(lambda: here.metric("sluice_connections", transport="http") == 1)
        here.process.terminate()
        said_goodbye, answer = False, b""
        for frame in client.frames():
            if isinstance(frame, PingFrame) and "ACK" not in frame.flags:
                client.send(PingFrame(0, frame.opaque_data, flags=["ACK"]).serialize())
            if isinstance(frame, GoAwayFrame) and not said_goodbye:
                assert frame.error_code == 0
                said_goodbye = True
                client.send(DataFrame(1, b'er"', flags=["END_STREAM"]).serialize())
            if isinstance(frame, DataFrame):
                answer += frame.data
        assert said_goodbye and answer == b'"later"'
    assert here.wait() == 0


def test_an_idle_connection_is_told_to_go(secure):
    here = secure(limits={"keep_alive_timeout": "300ms"})
    with Frames(here.port, here.authority) as client:
        client.send(client.head(1, [bearer(here)], method="GET", path="/nowhere"))
        assert client.goaway() == 0
    with Frames(here.port, here.authority) as client:  # and one that never asked
        assert client.goaway() == 0
    until(lambda: here.metric("sluice_connections", transport="http") == 0)


def test_a_body_that_stands_still_ends_its_stream(secure):
    here = secure(limits={"body_timeout": "300ms"})
    with HTTP2(here.port, here.authority) as client:
        still = client.ask("POST", ECHO, [bearer(here)], b"1", end=False)
        until(lambda: client.read() and still in client.resets, 10)
        assert client.response(client.ask("POST", ECHO, [bearer(here)], b"2"))[0] == 200
    assert here.metric("sluice_limit_exceeded_total", limit="body_timeout") == 1


# What is refused

FIELDS = {
    "connection": [("connection", "close")],
    "keep-alive": [("keep-alive", "timeout=5")],
    "proxy-connection": [("proxy-connection", "close")],
    "transfer-encoding": [("transfer-encoding", "chunked")],
    "upgrade": [("upgrade", "h2c")],
    "te other than trailers": [("te", "gzip")],
    "upper case": [("X-Upper", "a")],
    "name with a blank": [("x y", "a")],
    "name with a colon": [("x:y", "a")],
    "empty name": [("", "a")],
    "value with CR": [("x", "a\rb")],
    "value with LF": [("x", "a\nb: c")],
    "value with NUL": [("x", "a\0b")],
    "value with a control character": [("x", "a\x01b")],
    "value with DEL": [("x", "a\x7fb")],
    "value behind a blank": [("x", " a")],
    "value before a tab": [("x", "a\t")],
    "length that is short": [("content-length", "3")],
    "length that is long": [("content-length", "30")],
    "length that is no number": [("content-length", "+10")],
    "two lengths": [("content-length", "10"), ("content-length", "0")],
    "host that differs": [("host", "other")],
}

PSEUDO = {
    "no method": [(":scheme", "https"), (":authority", "localhost"), (":path", ECHO)],
    "no path": [(":method", "POST"), (":scheme", "https"), (":authority", "localhost")],
    "empty path": [(":method", "POST"), (":scheme", "https"), (":authority", "localhost"), (":path", "")],
    "no scheme": [(":method", "POST"), (":authority", "localhost"), (":path", ECHO)],
    "method twice": [(":method", "POST"), (":method", "GET"), (":scheme", "https"), (":authority", "localhost"),
                     (":path", ECHO)],
    "unknown": [(":method", "POST"), (":scheme", "https"), (":authority", "localhost"), (":path", ECHO), (":x", "y")],
    "status": [(":method", "POST"), (":scheme", "https"), (":authority", "localhost"), (":path", ECHO),
               (":status", "200")],
    "behind a field": [(":method", "POST"), (":scheme", "https"), (":authority", "localhost"), ("x", "y"),
                       (":path", ECHO)],
    "path with a blank": [(":method", "POST"), (":scheme", "https"), (":authority", "localhost"),
                          (":path", ECHO + " HTTP/1.1")],
    "path with CRLF": [(":method", "POST"), (":scheme", "https"), (":authority", "localhost"),
                       (":path", ECHO + "\r\nx: y")],
    "method with a blank": [(":method", "POST /x"), (":scheme", "https"), (":authority", "localhost"), (":path", ECHO)],
    "authority with a path": [(":method", "POST"), (":scheme", "https"), (":authority", "localhost/x"), (":path", ECHO)],
    "authority with a user": [(":method", "POST"), (":scheme", "https"), (":authority", "a@localhost"), (":path", ECHO)],
    "no authority": [(":method", "POST"), (":scheme", "https"), (":path", ECHO)],
    "CONNECT": [(":method", "CONNECT"), (":authority", "localhost:80")],
}


@pytest.mark.parametrize("name", [*FIELDS, *(f"pseudo: {name}" for name in PSEUDO)])
def test_what_HTTP2_forbids_reaches_nobody(secure, name):
    here = secure()
    before = here.metric("sluice_upstream_requests_total")
    with Frames(here.port, here.authority) as client:
        fields = [bearer(here), *FIELDS.get(name, [])]
        client.send(client.head(1, fields, end=False, pseudo=PSEUDO.get(name.removeprefix("pseudo: "))))
        client.flood([DataFrame(1, b'"smuggled"', flags=["END_STREAM"]).serialize()])
        how, code = client.ended(1)
        assert how in ("reset", "goaway") or (how, code) == ("answer", 400), (how, code)
    assert here.metric("sluice_upstream_requests_total") == before
    assert here.metric("sluice_requests_total", action="echo") == 0
    until(lambda: sum(
        here.metric("sluice_http_violations_total", reason=reason) for reason in (
            "http2", "host", "target", "method", "content_length", "control_character", "field_value")) >= 1)
    with HTTP2(here.port, here.authority) as client:  # and the gateway goes on
        assert client.response(client.ask("POST", ECHO, [bearer(here)], b"1"))[0] == 200


# An empty name is the fault of the compression, which all streams share.
@pytest.mark.parametrize("name", [*(name for name in FIELDS if name != "empty name"), "pseudo: no path", "pseudo: unknown"])
def test_what_is_wrong_with_one_stream_ends_that_alone(secure, name):
    """A proxy in front has requests of many users on one connection."""
    here = secure()
    with Frames(here.port, here.authority) as client:
        token = bearer(here)
        client.send(client.head(1, [token], end=False))
        wrong = client.head(3, [token, *FIELDS.get(name, [])], end=False, pseudo=PSEUDO.get(name.removeprefix("pseudo: ")))
        client.send(wrong + DataFrame(3, b'"smuggled"', flags=["END_STREAM"]).serialize())
        assert client.ended(3)[0] in ("reset", "answer")
        client.send(DataFrame(1, b'"honest"', flags=["END_STREAM"]).serialize())
        assert client.ended(1) == ("answer", 200)
    assert here.metric("sluice_requests_total", action="echo", outcome="ok") == 1


def test_an_answer_with_too_long_a_head_costs_its_stream_alone(secure):
    """One frame holds a head; a tilde takes 13 bits of it."""
    def handle(request, connection):
        connection.answer(200, b"body", X_Long="~" * (12_000 if request.target.endswith("long") else 5_000))
    web = HTTPBackend(handle)

    def also(here):
        return {"services": [*here.config["services"], web.service()],
                "routes": [{"name": "web", "prefix": "/web/", "service": "web", "authentication": "none"}]}
    member = {"name": "all", "effect": "permit", "principal": {"anonymous": True}, "action": ["http.*"]}
    here = secure(config=also, rules=policy(rules=(member,)))
    with HTTP2(here.port, here.authority) as client:
        held = client.ask("POST", ECHO, [bearer(here)], b'"held"', end=False)
        assert client.response(client.ask("GET", "/web/long"))[0] == 502
        assert client.response(client.ask("GET", "/web/short"))[0] == 200
        client.connection.end_stream(held)
        client.flush()
        assert client.response(held)[0] == 200
    web.close()


def test_rapid_resets_end_the_connection(secure):
    """CVE-2023-44487: requests that are taken back at once cost the attacker nothing, and the service much."""
    here = secure(limits={"max_http2_resets": 50})
    with Frames(here.port, here.authority) as client:
        token = bearer(here)
        client.flood(
            client.head(2 * number + 1, [token]) + RstStreamFrame(2 * number + 1, 8).serialize() for number in range(1_000))
        assert client.goaway() == CALM
    assert here.metric("sluice_limit_exceeded_total", limit="max_http2_resets") == 1
    until(lambda: closed(here, "too_many_frames") == 1)
    assert here.metric("sluice_upstream_requests_total", service="message") <= 60


@pytest.mark.parametrize("what, frame", [
    ("pings", PingFrame(0, b"12345678")), ("settings", SettingsFrame(0)), ("priorities", PriorityFrame(1, depends_on=3)),
], ids=["pings", "settings", "priorities"])
def test_a_flood_of_control_frames_ends_the_connection(secure, what, frame):
    here = secure(limits={"max_http2_control_frames": 50})
    with Frames(here.port, here.authority) as client:
        client.flood(frame.serialize() for _ in range(500))
        assert client.goaway() == CALM
    assert here.metric("sluice_limit_exceeded_total", limit="max_http2_control_frames") == 1
    until(lambda: closed(here, "too_many_frames") == 1)


def test_empty_data_frames_end_the_connection(secure):
    here = secure()
    with Frames(here.port, here.authority) as client:
        client.send(client.head(1, [bearer(here)], end=False))
        client.flood(DataFrame(1, b"").serialize() for _ in range(200))
        assert client.goaway() is not None
    assert here.metric("sluice_limit_exceeded_total", limit="max_http2_control_frames") == 1


def test_endless_continuations_end_the_connection(secure):
    here = secure()
    with Frames(here.port, here.authority) as client:
        first = HeadersFrame(1, client.encoder.encode([(":method", "GET")]))
        client.send(first.serialize())
        client.flood(ContinuationFrame(1, b"").serialize() for _ in range(200))
        assert client.goaway() is not None
    assert here.metric("sluice_limit_exceeded_total", limit="max_header_bytes") == 1


def test_a_head_over_its_limit_ends_the_connection(secure):
    here = secure(limits={"max_header_bytes": 4_096, "max_token_bytes": 1_024})
    with Frames(here.port, here.authority) as client:
        client.send(client.head(1, [bearer(here), *[(f"x-{number}", "y" * 100) for number in range(80)]]))
        how, code = client.ended(1)
        assert how in ("goaway", "reset") or (how, code) == ("answer", 431), (how, code)
    assert here.metric("sluice_limit_exceeded_total", limit="max_header_bytes") == 1


def test_too_many_fields_are_refused(secure):
    here = secure()
    with Frames(here.port, here.authority) as client:
        client.send(client.head(1, [bearer(here), *[(f"x-{number}", "y") for number in range(120)]]))
        assert client.ended(1) == ("answer", 431)
    assert here.metric("sluice_limit_exceeded_total", limit="max_headers") == 1


def test_more_streams_than_announced_end_the_connection(secure):
    here = secure(limits={"max_http2_streams": 5})
    with Frames(here.port, here.authority) as client:
        token = bearer(here)
        client.flood(client.head(2 * number + 1, [token], end=False) for number in range(20))
        assert client.goaway() is not None
    assert here.metric("sluice_limit_exceeded_total", limit="max_http2_streams") == 1


def test_nonsense_instead_of_frames_ends_the_connection(secure):
    here = secure()
    with Frames(here.port, here.authority) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.goaway() is not None
    until(lambda: closed(here, "bad_request") == 1)
    assert here.metric("sluice_http_violations_total", reason="http2") == 1


def test_a_client_that_hangs_up_leaves_nothing_behind(secure):
    here = secure()
    client = HTTP2(here.port, here.authority)
    for _ in range(20):
        client.ask("POST", ECHO, [bearer(here)], b"1", end=False)
    client.socket.shutdown(socket.SHUT_RDWR)
    client.close()
    until(lambda: here.metric("sluice_connections", transport="http") == 0)
