"""HTTP/2 to HTTP services: the real nginx and HAProxy, and a server of ours that uses the protocol to its edges."""
import json
import socket
import threading
import time

import pytest
from h2.errors import ErrorCodes
from h2.events import RequestReceived
from h2.settings import SettingCodes
from harness.certificates import Authority
from harness.envelopes import ECHO, HISTORY, SEND
from harness.h2_backend import HAProxyService, NginxService, chosen_protocol, offering
from harness.h2_services import (  # noqa: F401
    HEADS, SAFE, backend, behind, bearer, misbehave, outcomes, over_http2, statuses)
from harness.load import Load
from harness.raw_http import RawHTTP
from harness.waiting import until
from websockets.sync.client import connect
from websockets.sync.server import serve

# Commands

@pytest.mark.parametrize("codec", ["json", "protobuf"])
def test_a_command_goes_out_as_a_stream_and_all_of_them_share_a_connection(over_http2, backend, codec):
    web = backend()
    here = over_http2(web.port)
    clients = [here.connect(f"user{n}", codec) for n in range(5)]
    for seq in range(1, 21):
        for client in clients:
            client.send(ECHO, {"n": seq}, seq=seq)
    for client in clients:
        replies = [client.reply(seq, timeout=20) for seq in range(1, 21)]
        assert [(reply.status, reply.data) for reply in replies] == [(0, {"n": seq}) for seq in range(1, 21)]
    assert len(web.connections) == 1
    first = web.requests[0]
    assert first.fields[:2] == [(":method", "POST"), (":scheme", "http")]
    assert (first.target, first[":authority"]) == ("/do/echo", f"127.0.0.1:{web.port}")
    assert first["sluice-user"] == "user0" and first["sluice-session"] and first["sluice-client"] == "127.0.0.1"
    assert 0 < int(first["sluice-deadline-ms"]) <= 5_000
    for name in ("host", "connection", "transfer-encoding"):
        assert first[name] is None, name
    assert here.metric("sluice_upstream_requests_total", service="message", outcome="ok") == 100
    assert web.faults == []


def test_what_clients_say_is_kept_out_of_the_table_their_requests_share(over_http2, backend):
    web = backend()
    here = over_http2(web.port)
    for user in ("alice", "bob"):
        here.connect(user).echo("secret of " + user)
    table = web.connections[0].h2.decoder.header_table.dynamic_entries
    kept = {bytes(name).decode() for name, _ in table}
    assert "content-type" in kept and not {name for name in kept if name.startswith("sluice-")}, kept


def test_what_a_service_answers_is_what_the_client_is_told(over_http2, backend):
    said = {
        "own": (200, {"sluice_status": 1042}, 1042), "none": (404, {}, 1404), "full": (503, {}, 503),
        "late": (504, {}, 504), "broken": (500, {}, 502), "forged": (200, {"sluice_status": 401}, 502),
        "moved": (302, {}, 502), "empty": (204, {}, 0),
    }

    def handle(request):
        status, headers, _ = said[json.loads(request.body)]
        request.answer(status, b"" if status == 204 else b'"why"', content_type="application/json", **headers)
    web = backend(handle)
    client = over_http2(web.port).connect()
    assert {asked: client.request(ECHO, asked).status for asked in said} == {
        asked: wanted for asked, (_, _, wanted) in said.items()}
    assert len(web.connections) == 1, "none of these breaks the connection"


def test_1xx_before_the_answer_and_trailers_behind_it_are_passed_over(over_http2, backend):
    def handle(request):
        told = request.connection.h2
        told.send_headers(request.stream, [(":status", "103"), ("link", "</a>")])
        told.send_headers(request.stream, [(":status", "100")])
        request.answer(200, request.body, content_type="application/json", trailers=[("x-sum", "1")])
    client = over_http2(backend(handle).port).connect()
    assert [client.echo(f"{n}").data for n in range(3)] == ["0", "1", "2"]


def test_ordered_commands_of_a_session_go_one_after_the_other(over_http2, backend):
    go, seen = threading.Event(), []

    def handle(request):
        seen.append(request.body)
        if request.body == b'"first"':
            threading.Thread(target=lambda: (go.wait(10), later(request))).start()
        else:
            request.echo()

    def later(request):
        with request.connection.lock:
            request.echo()
    here = over_http2(backend(handle).port, commands={"echo": {"ordered": True}})
    alice, bob = here.connect("alice"), here.connect("bob")
    for seq, word in enumerate(("first", "second", "third"), 1):
        alice.send(ECHO, word, seq=seq)
    until(lambda: seen == [b'"first"'], 5)
    assert bob.request(ECHO, "beside").status == 0
    assert seen == [b'"first"', b'"beside"']
    go.set()
    assert [alice.reply(seq).data for seq in (1, 2, 3)] == ["first", "second", "third"]
    assert seen[2:] == [b'"second"', b'"third"']


def test_a_deadline_and_a_client_that_goes_reset_the_stream_and_nothing_else(over_http2, backend):
    web = backend(lambda request: request.echo() if request.body == b'"fast"' else None)
    commands = {"echo": {"ordered": False, "timeout": "20s"}, "message.send": {"timeout": "1s"},
                "message.history": {"timeout": "20s"}}
    here = over_http2(web.port, commands=commands)
    alice = here.connect("alice")
    assert alice.request(ECHO, "fast").status == 0, "the connection stands"
    reply = alice.request(SEND, "slow")
    assert (reply.status, reply.refusal["name"]) == (504, "timed_out")
    until(lambda: web.resets == [(3, ErrorCodes.CANCEL)], 10)
    leaving = here.connect("bob")
    leaving.send(HISTORY, {}, seq=1)
    until(lambda: len(web.requests) == 3, 10)
    leaving.close()
    until(lambda: len(web.resets) == 2, 5)
    assert alice.request(ECHO, "fast").status == 0
    assert len(web.connections) == 1


# Connections

def test_a_further_connection_is_made_when_the_service_allows_no_more_streams(over_http2, backend):
    held = []

    def handle(request):
        held.append(request)
        if len(held) == 5:
            for one in held:
                with one.connection.lock:
                    one.echo()
    web = backend(handle, settings={SettingCodes.MAX_CONCURRENT_STREAMS: 2})
    client = over_http2(web.port).connect("alice")
    for seq in range(1, 6):
        client.send(ECHO, seq, seq=seq)
    assert outcomes(client, range(1, 6)) == [0] * 5
    assert len(web.connections) == 3


def test_requests_beyond_all_streams_wait_and_beyond_that_are_too_many(over_http2, backend):
    held, go = [], threading.Event()

    def handle(request):
        if go.is_set() or request.body == b'"first"':
            request.echo()
        else:
            held.append(request)
    web = backend(handle, settings={SettingCodes.MAX_CONCURRENT_STREAMS: 2})
    here = over_http2(web.port, settings={"max_connections": 1}, limits={"max_http_waiting": 3})
    client = here.connect("alice")
    assert client.request(ECHO, "first").status == 0, "the connection stands"
    for seq in range(101, 108):
        client.send(ECHO, seq, seq=seq)
    until(lambda: len(held) == 2, 5)
    refused = [client.reply(seq) for seq in (106, 107)]
    assert [(one.status, one.refusal["name"]) for one in refused] == [(503, "overloaded")] * 2
    assert here.metric("sluice_limit_exceeded_total", limit="max_http_waiting") == 2
    go.set()
    with web.connections[0].lock:
        for one in held[:2]:
            one.echo()
    assert outcomes(client, range(101, 106)) == [0] * 5
    assert len(web.connections) == 1


def test_what_a_goaway_says_was_never_looked_at_is_sent_once_more(over_http2, backend):
    def leave(request):
        if len(web.connections) > 1 or request.stream < 5:
            return request.echo()
        # The one before was the last that counts.
        request.connection.h2.close_connection(ErrorCodes.NO_ERROR, last_stream_id=request.stream - 2)
        request.connection.flush()
    web = backend(leave)
    here = over_http2(web.port)
    client = here.connect("alice")
    assert statuses(client, 5) == [0] * 5, "the command is not retry_safe, yet nobody had looked at it"
    assert len(web.connections) == 2
    assert here.metric("sluice_upstream_requests_total", service="message", outcome="ok") == 5


def test_what_is_under_way_at_a_goaway_is_answered(over_http2, backend):
    held = []

    def leave(request):
        held.append(request)
        if len(held) == 3:
            request.connection.socket.sendall(
                b"\x00\x00\x08\x07\x00" + bytes(4) + max(one.stream for one in held).to_bytes(4, "big") + bytes(4))
            for one in held:
                one.echo()
        elif len(held) > 3:
            request.echo()
    web = backend(leave)
    client = over_http2(web.port).connect("alice")
    for seq in (1, 2, 3):
        client.send(ECHO, seq, seq=seq)
    assert outcomes(client, (1, 2, 3)) == [0] * 3
    until(lambda: not web.open, 5, "the connection is closed after its last answer")
    assert client.echo().status == 0
    assert len(web.connections) == 2


def test_frames_on_streams_that_have_ended_end_the_connection_and_no_request_waits_for_it(over_http2, backend):
    def handle(request):
        request.echo()
        if request.body == b'"odd"':
            request.connection.socket.sendall(b"\x00\x00\x01\x00\x01" + request.stream.to_bytes(4, "big") + b"x")
    web = backend(handle)
    client = over_http2(web.port).connect("alice")
    assert client.echo("even").status == 0
    client.echo("odd")
    until(lambda: web.goodbyes, 5)
    assert statuses(client, 3) == [0] * 3
    assert len(web.connections) == 2


def test_a_refused_stream_is_asked_again_when_another_has_ended(over_http2, backend):
    def refuse_the_second(request):
        if len(web.requests) == 2:
            request.reset(ErrorCodes.REFUSED_STREAM)
            web.requests[0].echo()
        elif len(web.requests) == 3:
            request.echo()
    web = backend(refuse_the_second)
    client = over_http2(web.port).connect("alice")
    client.send(ECHO, "a", seq=1)
    client.send(ECHO, "b", seq=2)
    assert [client.reply(seq).data for seq in (1, 2)] == ["a", "b"]
    assert [one.body for one in web.requests] == [b'"a"', b'"b"', b'"b"']
    assert len(web.connections) == 1


def test_streams_refused_all_at_once_are_asked_again_after_a_pause(over_http2, backend):
    """Some servers count a stream that has ended a moment longer than its client."""
    came = []

    def refuse_some(request):
        came.append(time.monotonic())
        if 2 <= len(came) <= 9:
            request.reset(ErrorCodes.REFUSED_STREAM)
        else:
            request.echo()
    web = backend(refuse_some)
    client = over_http2(web.port).connect("alice")
    assert client.echo("first").status == 0
    for seq in range(1, 5):
        client.send(ECHO, seq, seq=seq)
    assert [client.reply(seq).data for seq in range(1, 5)] == [1, 2, 3, 4]
    assert len(web.connections) == 1 and len(web.requests) == 13
    assert came[9] - came[4] > 0.05, "five pauses at least: 2, 4, 8, 16, 32 ms"


@pytest.mark.parametrize("by", ["round_robin", "least_request", "hash"])
def test_a_service_that_refuses_every_stream_is_left_for_another(over_http2, backend, by):
    refuse = lambda request: request.reset(ErrorCodes.REFUSED_STREAM)  # noqa: E731
    never, nor, other = backend(refuse), backend(refuse), backend()
    outliers = {"outliers": {"consecutive_errors": 0}}
    here = over_http2(never.port, nor.port, other.port, settings={"balance": {"by": by}, "health": outliers})
    for number in range(14):
        client = here.connect(f"user{number}")
        assert statuses(client, 3) == [0] * 3, "what nobody looked at is no attempt"
    retries = here.metric("sluice_upstream_retries_total", service="message", reason="unsent")
    assert retries == len(never.requests) + len(nor.requests) > 8
    alone = over_http2(never.port)
    reply = alone.connect("alice").echo()
    assert (reply.status, reply.refusal["name"]) == (503, "service_unavailable")


@pytest.mark.parametrize("code, name", [
    (ErrorCodes.CANCEL, "service_unavailable"), (ErrorCodes.INTERNAL_ERROR, "service_unavailable"),
    (ErrorCodes.PROTOCOL_ERROR, "bad_upstream_answer"),
])
def test_a_reset_without_an_answer_has_a_name_and_costs_nobody_else(over_http2, backend, code, name):
    web = backend(lambda request: request.reset(code) if request.body == b'"bad"' else request.echo())
    client = over_http2(web.port).connect("alice")
    assert client.echo("good").status == 0
    assert client.request(ECHO, "bad").refusal["name"] == name
    assert client.echo("good").status == 0
    assert len(web.connections) == 1
    assert [one.body for one in web.requests].count(b'"bad"') == 1, "nobody knows whether the service did it"


def test_a_kept_connection_that_breaks_costs_no_safe_command_its_answer(over_http2, backend):
    def handle(request):
        if len(web.requests) == 3:
            request.connection.socket.shutdown(socket.SHUT_RDWR)
        else:
            request.echo()
    web = backend(handle)
    here = over_http2(web.port, commands=SAFE)
    assert statuses(here.connect("alice"), 6) == [0] * 6
    assert len(web.connections) == 2


def test_an_instance_that_goes_is_left_out_and_comes_back(over_http2, backend):
    first, second = backend(), backend()
    here = over_http2(first.port, second.port, settings={"balance": {"by": "round_robin"}})
    client = here.connect()

    def connected():
        found = here.json("/v1/upstreams")["instances"]
        return {one["instance"]: one["connected_loops"] for one in found if one["service"] == "message"}
    assert statuses(client, 10) == [0] * 10
    assert first.requests and second.requests
    first.stop()
    until(lambda: client.echo() and connected()[f"127.0.0.1:{first.port}"] == 0, 10)
    assert statuses(client, 10) == [0] * 10
    again = backend(port=first.port)
    until(lambda: connected()[f"127.0.0.1:{first.port}"] == 1, 10)
    until(lambda: client.echo() and again.requests, 10)
    messages = lambda: [  # noqa: E731
        entry["MESSAGE"] for entry in here.journal("SLUICE_EVENT=upstream") if str(first.port) in entry["MESSAGE"]]
    until(lambda: [("down" in message) for message in messages()] == [False, True, False], 15)


def test_a_service_that_says_nothing_any_more_gets_no_new_requests(over_http2, backend):
    """It is stopped, not dead: its kernel takes connections and bytes."""
    web, other = backend(lambda request: None), backend()
    here = over_http2(web.port, other.port, commands={"echo": {"ordered": False, "timeout": "60s"}},
                      settings={"connect_timeout": "2s", "balance": {"by": "round_robin"}})
    client = here.connect("alice")
    client.send(ECHO, 1, seq=1)
    client.send(ECHO, 2, seq=2)
    until(lambda: web.requests, 5)
    # Whoever holds this lock keeps the server from answering pings, and a new connection from its SETTINGS.
    with web.connections[0].lock, web.pause:
        until(lambda: [e for e in here.journal("SLUICE_EVENT=upstream") if "is down: no_hello" in e["MESSAGE"]], 40)
        assert statuses(here.connect("bob"), 10) == [0] * 10
        assert len(other.requests) == 11
    with web.connections[0].lock:
        web.requests[0].echo()
    assert outcomes(client, (1, 2)) == [0, 0], "what was under way is waited for"
    until(lambda: here.json("/v1/upstreams") and [
        one for one in here.json("/v1/upstreams")["instances"]
        if one["instance"].endswith(str(web.port)) and one["connected_loops"] == 1], 10)


def test_an_idle_connection_is_closed_with_a_word(over_http2, backend):
    web = backend()
    here = over_http2(web.port, limits={"http_idle_timeout": "1s"})
    assert here.connect().echo().status == 0
    until(lambda: not web.open, 10)
    assert web.goodbyes == [ErrorCodes.NO_ERROR] and web.faults == []


def test_a_reload_moves_from_one_protocol_to_the_other_and_loses_nothing(over_http2, backend, tmp_path, started):
    plain = backend(http1=True)
    nginx = started(NginxService(tmp_path / "nginx", plain.port, Authority(tmp_path / "ca").issue("service")))
    tls = {"ca": str(tmp_path / "ca/authority.pem")}
    here = over_http2(nginx.port, settings={"tls": tls})
    load = Load(here, [f"user{n}" for n in range(10)], pace=0.005)
    try:
        for wanted in ("HTTP/1.1", "HTTP/2.0"):
            until(lambda: load.outcome.answered > 100, 20)
            for one in here.config["services"]:
                if one["name"] == "message":
                    one["http2"] = wanted == "HTTP/2.0"
            here.rewrite_config()
            here.reload()
            done = load.outcome.answered
            until(lambda: load.outcome.answered > done + 100, 20)
    finally:
        outcome = load.finish()
    assert set(outcome.replies) == {0} and not outcome.problems, (outcome.replies, outcome.problems[:3])
    assert nginx.protocols() == {"HTTP/1.1", "HTTP/2.0"}


# Not HTTP/2, or not what it should be

@pytest.mark.parametrize("case", ["a server of HTTP/1.1", "one that says nothing", "one that hangs up"])
def test_where_no_http2_is_spoken_the_journal_says_so(over_http2, backend, case):
    if case == "a server of HTTP/1.1":
        port = backend(http1=True).port
    else:
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        if case == "one that hangs up":
            def hang_up():
                while True:
                    try:
                        listener.accept()[0].close()
                    except OSError:
                        return
            threading.Thread(target=hang_up, daemon=True).start()
    here = over_http2(port, settings={"connect_timeout": "500ms" if case == "one that says nothing" else "10s"})
    reply = here.connect().echo()
    assert (reply.status, reply.refusal["name"]) == (503, "service_unavailable")
    reason, cause = {
        "a server of HTTP/1.1": ("protocol_error", "what came is not HTTP/2"), "one that says nothing": ("no_hello", "in time"),
        "one that hangs up": ("connect_failed", "closed the connection before it said anything")}[case]
    down = until(lambda: [e["MESSAGE"] for e in here.journal("SLUICE_EVENT=upstream") if " is down: " in e["MESSAGE"]], 15)
    assert f"is down: {reason}" in down[0] and cause in down[0]
    if case != "a server of HTTP/1.1":
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.parametrize("case", HEADS)
def test_an_answer_that_cannot_be_relied_on_is_none(over_http2, backend, case):
    web = backend(lambda request: misbehave(request.connection, request.stream, case) if request.body == b'"bad"' else request.echo())
    client = over_http2(web.port, commands=SAFE).connect("alice")
    assert client.echo("good").status == 0
    reply = client.request(ECHO, "bad")
    assert (reply.status, reply.refusal["name"]) == (502, "bad_upstream_answer")
    assert client.echo("good").status == 0
    assert len(web.connections) == 1


def test_a_tls_handshake_that_never_ends_is_given_up(over_http2, tmp_path):
    listener, taken = socket.create_server(("127.0.0.1", 0)), []
    threading.Thread(target=lambda: taken.append(listener.accept()[0]), daemon=True).start()
    tls = {"ca": str(Authority(tmp_path / "ca").certificate)}
    here = over_http2(listener.getsockname()[1], settings={"connect_timeout": "300ms", "tls": tls, "backoff": {
        "min": "60s", "max": "60s"}})
    assert here.connect().echo().status == 503
    assert until(lambda: [e for e in here.journal("SLUICE_EVENT=upstream") if "tls_failed" in e["MESSAGE"]], 15)
    until(lambda: taken, 10)
    taken[0].settimeout(10)
    while taken[0].recv(65536):
        pass
    listener.close()


def test_a_service_that_pushes_breaks_the_protocol(over_http2, backend):
    def handle(request):
        if len(web.requests) == 1:
            block = bytes.fromhex("82848641") + b"\x01h"
            request.connection.socket.sendall(
                (4 + len(block)).to_bytes(3, "big") + b"\x05\x04" + request.stream.to_bytes(4, "big")
                + (2).to_bytes(4, "big") + block)
        else:
            request.echo()
    web = backend(handle)
    here = over_http2(web.port)
    client = here.connect("alice")
    assert client.echo().refusal["name"] == "bad_upstream_answer"
    assert client.echo().status == 0
    assert len(web.connections) == 2


# Real servers

@pytest.mark.parametrize("server", ["nginx", "nginx with TLS", "haproxy"])
def test_real_servers_answer_many_at_a_time(over_http2, backend, started, tmp_path, server):
    plain = backend(http1=True)
    settings = {}
    if server == "haproxy":
        real = started(HAProxyService(tmp_path / "haproxy", plain.port))
    else:
        authority = Authority(tmp_path / "ca")
        pair = authority.issue("service") if "TLS" in server else None
        real = started(NginxService(tmp_path / "nginx", plain.port, pair))
        settings = {"tls": {"ca": str(authority.certificate)}} if pair else {}
    here = over_http2(real.port, settings=settings)
    load = Load(here, [f"user{n}" for n in range(10)], depth=8, payload=b"x" * 2_000)
    until(lambda: load.outcome.answered > 1_000, 30)
    outcome = load.finish()
    assert set(outcome.replies) == {0} and not outcome.problems, (outcome.replies, outcome.problems[:3])
    if server != "haproxy":
        assert real.protocols() == {"HTTP/2.0"}
        if "TLS" in server:
            assert chosen_protocol(real.port) == "h2"


def test_nginx_changes_its_workers_under_load_and_nobody_notices(over_http2, backend, started, tmp_path):
    """Each reload is a GOAWAY; the commands are not `retry_safe`."""
    real = started(NginxService(tmp_path / "nginx", backend(http1=True).port))
    here = over_http2(real.port)
    load = Load(here, [f"user{n}" for n in range(10)], pace=0.002)
    try:
        for _ in range(3):
            before = real.connections()
            until(lambda: load.outcome.answered > 100, 20)
            real.reload()
            until(lambda: real.connections() > before, 20)
            done = load.outcome.answered
            until(lambda: load.outcome.answered > done + 200, 20)
    finally:
        outcome = load.finish()
    assert set(outcome.replies) == {0} and not outcome.problems, (outcome.replies, outcome.problems[:3])


def test_a_service_may_reset_as_many_streams_as_it_likes(over_http2, started, tmp_path):
    """nginx does it with every request whose body it did not have to read before it answered."""
    real = started(NginxService(tmp_path / "nginx", says="no echo " * 32))
    here = over_http2(real.port)
    load = Load(here, [f"user{n}" for n in range(10)], depth=8)
    until(lambda: load.outcome.answered > 8_000, 60)
    outcome = load.finish()
    assert set(outcome.replies) == {0}, outcome.replies
    assert real.connections() == 1


def test_a_server_that_chooses_http1_gets_it(over_http2, backend, tmp_path):
    authority = Authority(tmp_path / "ca")
    contexts = {
        "chooses": offering(authority.server_context(authority.issue("service")), "http/1.1"),
        "does not know": authority.server_context(authority.issue("service2")),
    }
    for context in contexts.values():
        web = backend(http1=True, tls=context)
        here = over_http2(web.port, settings={"tls": {"ca": str(authority.certificate)}})
        client = here.connect()
        for seq in range(1, 9):
            client.send(ECHO, seq, seq=seq)
        assert outcomes(client, range(1, 9)) == [0] * 8
        assert statuses(client, 20) == [0] * 20
        assert web.tls_problems == [] and web.accepted <= 8, "connections are kept"


# Routes

def test_a_route_goes_over_http2_with_what_belongs_to_it(behind, backend):
    web = backend()
    here = behind(web.service())
    status, headers, body = here.curl(
        "/web/a%20b?x=1", "-H", bearer(here), "-H", "Cookie: c=1", "-H", "X-Kept: yes", "-H", "TE: trailers, gzip",
        "-d", "ping")
    assert (status, body) == (200, b"ping")
    (got,) = web.requests
    assert (got.method, got.target, got[":scheme"]) == ("POST", "/web/a%20b?x=1", "http")
    assert got["sluice-user"] == "alice" and got["x-kept"] == "yes" and got["cookie"] == "c=1"
    for gone in ("authorization", "te", "host", "connection"):
        assert got[gone] is None, gone
    assert got[":authority"] == f"127.0.0.1:{here.port}"
    assert here.curl("/web/", "-I", "-H", bearer(here))[0] == 200


def test_head_and_bodyless_answers(behind, backend):
    def handle(request):
        if request.method == "HEAD":
            request.answer(200, content_length=1_000)
        else:
            request.answer(int(request.target.rsplit("/", 1)[1]))
    here = behind(backend(handle).service())
    with RawHTTP(here.port) as client:
        client.send(f"HEAD /web/ HTTP/1.1\r\nHost: h\r\n{bearer(here)}\r\n\r\n".encode())
        status, headers = client.head()
        assert (status, headers["content-length"]) == (200, "1000")
        for wanted in (204, 304):
            client.send(f"GET /web/{wanted} HTTP/1.1\r\nHost: h\r\n{bearer(here)}\r\n\r\n".encode())
            assert client.head()[0] == wanted


def test_megabytes_each_way_at_the_speed_of_the_slower_side(behind, backend):
    megabytes, go = 8, threading.Event()
    size = megabytes * 1_048_576

    def handle(request):
        if request.method == "PUT":
            return request.answer(200, str(len(request.body)).encode())
        request.answer(200, ends=False, content_length=size)
        request.sent = 0
        threading.Thread(target=lambda: feed(request), daemon=True).start()

    def feed(request):
        sent, told = 0, request.connection.h2
        while sent < size:
            with request.connection.lock:
                room = min(told.local_flow_control_window(request.stream), 16_384, size - sent)
                if room > 0:
                    told.send_data(request.stream, bytes(room), end_stream=sent + room == size)
                    request.connection.flush()
            if room <= 0:
                request.connection.moved.wait(10)
                request.connection.moved.clear()
            sent += max(0, room)
            request.sent = sent
    web = backend(handle, gives_room=go.is_set)
    here = behind(web.service(), route={"max_body_bytes": 2 * size})
    with RawHTTP(here.port, seconds=60) as client:
        client.send(f"PUT /web/up HTTP/1.1\r\nHost: h\r\n{bearer(here)}\r\nContent-Length: {size}\r\n\r\n".encode())
        pushing = threading.Thread(target=lambda: client.send(bytes(size)))
        pushing.start()
        until(lambda: web.connections and sum(map(len, web.connections[0].bodies.values())) >= 65_535, 10)
        assert pushing.is_alive(), "a service that gives no room stops the client"
        go.set()
        with web.connections[0].lock:
            web.connections[0].give_room()
        pushing.join(60)
        status, _, body = client.response()
        assert (status, body) == (200, str(size).encode())
    with RawHTTP(here.port, seconds=60) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.send(f"GET /web/down HTTP/1.1\r\nHost: h\r\n{bearer(here)}\r\n\r\n".encode())
        status, headers = client.head()
        assert (status, headers["content-length"]) == (200, str(size))
        down = until(lambda: next((one for one in web.requests if hasattr(one, "sent")), None), 10)
        seen = []
        until(lambda: seen.append(down.sent) or len(seen) > 30 and seen[-30] == down.sent, 20, "the service stands still")
        assert down.sent < size / 2, "a client that reads nothing stops the service"
        assert here.curl("/web/up", "-X", "PUT", "-d", "x", "-H", bearer(here))[0] == 200, "and nobody else"
        assert len(client.exactly(size)) == size


def test_an_answer_cut_short_is_seen_to_be_cut(behind, backend):
    def handle(request):
        request.answer(200, b"half", ends=False)
        request.reset(ErrorCodes.INTERNAL_ERROR)
    here = behind(backend(handle).service())
    with RawHTTP(here.port) as client:
        client.send(f"GET /web/ HTTP/1.1\r\nHost: h\r\n{bearer(here)}\r\n\r\n".encode())
        all_of_it = client.until_closed()
        assert all_of_it.startswith(b"HTTP/1.1 200") and b"half" in all_of_it
        assert not all_of_it.endswith(b"0\r\n\r\n")


def test_an_answer_before_the_end_of_the_request_ends_it(behind, backend):
    def refuse(connection, event):
        if isinstance(event, RequestReceived):
            connection.h2.send_headers(event.stream_id, [(":status", "413")], end_stream=True)
            connection.flush()
    web = backend(lambda request: None, hears=refuse)
    here = behind(web.service(), route={"max_body_bytes": 50_000_000})
    with RawHTTP(here.port) as client:
        client.send(f"PUT /web/ HTTP/1.1\r\nHost: h\r\n{bearer(here)}\r\nContent-Length: 40000000\r\n\r\n".encode())
        assert client.head()[0] == 413
    until(lambda: web.resets, 5)
    assert here.curl("/web/", "-H", bearer(here))[0] == 413
    assert len(web.connections) == 1


def test_web_sockets_to_a_service_with_http2_go_over_http1(behind, tmp_path):
    authority = Authority(tmp_path / "ca")
    chosen = []

    def talk(socket_):
        chosen.append(socket_.socket.selected_alpn_protocol())
        for message in socket_:
            socket_.send(message.upper())
    context = offering(authority.server_context(authority.issue("service")), "h2", "http/1.1")
    with serve(talk, "127.0.0.1", 0, ssl=context) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        service = {"name": "web", "link": "http", "http2": True, "instances": [f"127.0.0.1:{port}"],
                   "tls": {"ca": str(authority.certificate)}}
        here = behind(service, route={"websocket": True})
        with connect(f"ws://127.0.0.1:{here.port}/web/live?token={here.token('alice')}") as client:
            client.send("hi")
            assert client.recv(timeout=10) == "HI"
        server.shutdown()
    assert chosen == ["http/1.1"]


def test_checks_speak_what_the_service_speaks(over_http2, backend):
    healthy = threading.Event()
    healthy.set()

    def handle(request):
        if request.target == "/healthz":
            request.answer(200 if healthy.is_set() else 500)
        else:
            request.echo()
    web = backend(handle)
    check = {"kind": "http", "path": "/healthz", "interval": "500ms", "timeout": "500ms"}
    here = over_http2(web.port, settings={"health": {"check": check, "panic_threshold": 0}})
    state = lambda: [  # noqa: E731
        one["state"] for one in here.json("/v1/upstreams")["instances"] if one["service"] == "message"]
    until(lambda: state() == ["ready"], 10)
    healthy.clear()
    until(lambda: state() == ["unhealthy"], 10)
    healthy.set()
    until(lambda: state() == ["ready"], 10)
    until(lambda: here.connect().echo().status == 0, 10)
