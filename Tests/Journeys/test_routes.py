"""Requests passed on to services as they are: who may, what goes on, and bytes at the speed of the slower side."""
import hashlib
import json
import os
import socket
import subprocess
import threading

import pytest
from harness.certificates import Authority
from harness.gateway import limit, policy
from harness.http_backend import Gone, HTTPBackend, accept_web_socket
from harness.processes import sluice
from harness.raw_http import RawHTTP
from harness.waiting import until
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.server import serve

MAY = {"name": "routes", "effect": "permit", "principal": {"anonymous": True}, "action": ["http.*"]}
MEMBERS = {"name": "member-routes", "effect": "permit", "principal": {"roles": ["member"]}, "action": ["http.*"]}
MEGABYTES = 50


@pytest.fixture
def backend():
    made = []

    def make(handle=None, **more):
        made.append(HTTPBackend(handle, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()
    assert [one.problems for one in made] == [[]] * len(made)


def behind(gateway, backend, *routes, rules=(MAY, MEMBERS), limits_of=(), **more):
    """A gateway with these routes to the backend."""
    listed = [{"name": "web", "prefix": "/web/", "service": "web", **route} for route in routes or ({},)]

    def config(here):
        return {"services": [*here.config["services"], backend.service()], "routes": listed}
    return gateway(config=config, rules=policy(*limits_of, rules=rules), **more)


def bearer(here, user="alice"):
    return f"Authorization: Bearer {here.token(user)}"


def entries(here, action="http.web", count=1):
    return until(
        lambda: (found := here.journal("SLUICE_EVENT=request", f"SLUICE_ACTION={action}"))
        and len(found) >= count and found, 15)


def test_a_request_goes_on_with_the_users_name_and_without_the_token(gateway, backend):
    web = backend()
    here = behind(gateway, web, {"rewrite": "/inner/"})
    status, headers, body = here.curl(
        f"/web/a%20b?x=1&token={here.token('eve')}&y=2", "-H", bearer(here), "-H", "Sluice-User: root",
        "-H", "sluice_user: root", "-H", "X-Forwarded-For: 1.2.3.4", "-H", "Connection: keep-alive, X-Hop",
        "-H", "X-Hop: 1", "-H", "Proxy-Authorization: Basic x", "-H", "X-Kept: yes", "-d", "ping")
    assert (status, body) == (200, b"ping")
    (got,) = web.requests
    assert got.target == "/inner/a%20b?x=1&y=2"
    assert [value for name, value in got.fields if name.lower() == "sluice-user"] == ["alice"]
    for gone in ("authorization", "sluice_user", "x-hop", "proxy-authorization", "upgrade"):
        assert got[gone] is None, gone
    assert got["x-kept"] == "yes"
    assert got["x-forwarded-for"] == "127.0.0.1"
    assert got["x-forwarded-host"] == f"127.0.0.1:{here.port}" == got["host"]
    assert "for=127.0.0.1" in got["forwarded"]
    (entry,) = entries(here)
    assert entry["SLUICE_USER"] == "alice"
    assert entry["SLUICE_SERVICE"] == "web"
    assert entry["SLUICE_INSTANCE"] == f"127.0.0.1:{web.port}"
    assert entry["SLUICE_STATUS"] == "200"
    assert entry["SLUICE_BYTES_IN"] == entry["SLUICE_BYTES_OUT"] == "4"
    assert int(entry["SLUICE_UPSTREAM_US"]) >= 0
    assert here.metric("sluice_requests_total", transport="http", action="http.web", outcome="ok") == 1
    assert here.metric("sluice_upstream_requests_total", service="web", outcome="ok") == 1


def test_hop_by_hop_fields_of_the_answer_stay_behind(gateway, backend):
    def handle(request, connection):
        connection.send(
            b"HTTP/1.1 201 Made\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=1\r\n"
            b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n")
        return False
    web = backend(handle)
    here = behind(gateway, web)
    with RawHTTP(here.port) as client:
        for _ in range(2):
            client.send(f"GET /web/ HTTP/1.1\r\nHost: h\r\n{bearer(here)}\r\n\r\n".encode())
            status, headers, body = client.response()
            assert (status, body) == (201, b"hi")
            assert "x-hop" not in headers and "keep-alive" not in headers and "connection" not in headers
            assert headers["set-cookie"] == "b=2"


def test_identity_and_policy_stand_before_every_route(gateway, backend):
    web = backend()
    here = behind(
        gateway, web, {}, {"name": "open", "prefix": "/open", "authentication": "none"},
        {"name": "maybe", "prefix": "/maybe", "authentication": "optional"},
        {"name": "shut", "prefix": "/shut", "authentication": "optional"},
        rules=({**MAY, "action": ["http.open", "http.maybe"]}, {**MEMBERS, "action": ["http.web", "http.maybe"]}),
        limits_of=(limit("per-user", 2, "1h", burst=2, actions=("http.web",)),))
    ours = ["-H", bearer(here)]
    assert here.curl("/web/")[0] == 401
    assert here.curl("/web/", "-H", "Authorization: Bearer x.y.z")[0] == 401
    assert here.curl("/open", "-H", "Authorization: Bearer x.y.z")[0] == 200
    assert web.requests[-1]["sluice-user"] is None
    assert here.curl("/maybe")[0] == 200
    assert here.curl("/maybe", "-H", "Authorization: Bearer x.y.z")[0] == 401
    assert here.curl("/maybe", *ours)[0] == 200
    assert web.requests[-1]["sluice-user"] == "alice"
    status, headers, body = here.curl("/shut", *ours)
    assert status == 403
    assert headers["content-type"] == "application/problem+json"
    assert json.loads(body)["rule"] == "default"
    assert [here.curl("/web/", *ours)[0] for _ in range(3)] == [200, 200, 429]
    assert here.curl("/nowhere", *ours)[0] == 404
    assert len(web.requests) == 5


def test_who_was_here_before_on_a_connection_says_nothing_about_who_is(gateway, backend):
    web = backend()
    here = behind(gateway, web, {}, {"name": "maybe", "prefix": "/maybe", "authentication": "optional"},
                  rules=(MEMBERS,))
    with RawHTTP(here.port) as client:
        client.send(f"GET /web/ HTTP/1.1\r\nHost: h\r\n{bearer(here)}\r\n\r\n".encode())
        assert client.response()[0] == 200
        client.send(b"GET /maybe HTTP/1.1\r\nHost: h\r\n\r\n")
        assert client.response()[0] == 403


def test_the_longest_prefix_decides_and_no_spelling_gets_round_it(gateway, backend):
    web = backend()
    here = behind(
        gateway, web, {"name": "all", "prefix": "/", "authentication": "none"},
        {"name": "admin", "prefix": "/a/admin"},
        {"name": "two", "prefix": "/v", "headers": {"x-api": "2"}, "authentication": "none", "rewrite": "/two"},
        {"name": "get", "prefix": "/get", "methods": ["GET"], "authentication": "none"})
    assert here.curl("/a/administrator")[0] == 200
    for path in ("/a/admin", "/a/admin/x", "/a/%61dmin", "/a/admi%6E/"):
        assert here.curl(path)[0] == 401, path
    before = len(web.requests)
    for path in ("/a//admin", "/a/./admin", "/a/x/../admin", "/a/%2e%2e/a/admin", "/a%2Fadmin", "/a%5Cadmin",
                 "/a/x/..;/admin", "/a/admin%00", "//a/admin", "/v1/%6Cogin%2F"):
        with RawHTTP(here.port) as client:
            client.send(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            assert client.response()[0] == 400, path
    for path in ("/v1/login", "/v1/x", "/%76%31/login", "/ws/../x"):
        assert here.curl(path, "--path-as-is")[0] in (400, 404, 405), path
    assert len(web.requests) == before
    assert here.metric("sluice_http_violations_total") >= 4
    assert here.curl("/v/x", "-H", "X-API: 2")[0] == 200
    assert web.requests[-1].target == "/two/x"
    assert here.curl("/v/x", "-H", "X-API: 3")[0] == 404
    status, headers, _ = here.curl("/get", "-d", "x")
    assert (status, headers["allow"]) == (405, "GET")


def rss(pid):
    with open(f"/proc/{pid}/status") as text:
        return next(int(line.split()[1]) for line in text if line.startswith("VmRSS"))


def test_fifty_megabytes_each_way_at_the_speed_of_a_slow_service(gateway, backend):
    """Gates of the service: it reads, and sends, only when the journey lets it."""
    go, digests = threading.Event(), []

    def handle(request, connection):
        if request.method == "PUT":
            assert go.wait(20)
            digest, size = hashlib.sha256(), 0
            for part in connection.body(request):
                digest.update(part)
                size += len(part)
            digests.append(digest.hexdigest())
            connection.answer(200, str(size).encode())
        else:
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for number in range(MEGABYTES):
                connection.send(b"100000\r\n" + bytes([number]) * 1_048_576 + b"\r\n")
            connection.send(b"0\r\n\r\n")
    web = backend(handle)
    here = behind(gateway, web)
    piece = os.urandom(1_048_576)
    digest = hashlib.sha256()
    base = rss(here.pid)

    with RawHTTP(here.port, seconds=60) as client:
        client.send(
            f"PUT /web/up HTTP/1.1\r\nHost: h\r\n{bearer(here)}\r\n"
            f"Content-Length: {MEGABYTES * len(piece)}\r\n\r\n".encode())

        def push():
            for _ in range(MEGABYTES):
                digest.update(piece)
                client.send(piece)
        pushing = threading.Thread(target=push)
        pushing.start()
        until(lambda: web.requests, 10)
        stalled = settled(lambda: rss(here.pid))
        assert pushing.is_alive(), "a service that reads nothing stops the client"
        assert stalled - base < 20_000, f"{stalled - base} KiB wait in the gateway"
        go.set()
        pushing.join(60)
        status, _, body = client.response()
        assert (status, body) == (200, str(MEGABYTES * len(piece)).encode())
        assert digests == [digest.hexdigest()]

    with RawHTTP(here.port, seconds=60) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.send(f"GET /web/down HTTP/1.1\r\nHost: h\r\n{bearer(here)}\r\n\r\n".encode())
        status, headers = client.head()
        assert status == 200
        stalled = settled(lambda: rss(here.pid))
        assert stalled - base < 20_000, f"{stalled - base} KiB wait in the gateway"
        body = client.chunks()
        assert len(body) == MEGABYTES * 1_048_576
        assert body[::1_048_576] == bytes(range(MEGABYTES))
    found = entries(here, count=2)
    assert sorted(int(entry["SLUICE_BYTES_IN"]) for entry in found) == [0, MEGABYTES * len(piece)]
    assert here.metric("sluice_requests_total", action="http.web", outcome="ok") == 2


def settled(measure):
    """The value, once it has been the same fifteen times in a row."""
    seen = []

    def is_settled():
        seen.append(measure())
        return len(seen) >= 15 and max(seen[-15:]) - min(seen[-15:]) < 256
    until(is_settled, 15)
    return seen[-1]


def test_an_answer_cut_short_is_seen_to_be_cut(gateway, backend):
    def handle(request, connection):
        if request.path == "/web/length":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
        else:
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        return False
    here = behind(gateway, backend(handle))
    for path in ("length", "chunks"):
        with RawHTTP(here.port) as client:
            client.send(f"GET /web/{path} HTTP/1.1\r\nHost: h\r\n{bearer(here)}\r\n\r\n".encode())
            all_of_it = client.until_closed()
            assert all_of_it.startswith(b"HTTP/1.1 200") and b"half" in all_of_it
            assert not all_of_it.endswith(b"0\r\n\r\n")
    assert [entry["SLUICE_OUTCOME"] for entry in entries(here, count=2)] == ["error", "error"]


def test_what_a_service_does_wrong_is_a_problem_with_a_name(gateway, backend):
    def handle(request, connection):
        if request.path == "/web/silent":
            list(connection.body(request))
            connection.until(b"never")
        if request.path == "/web/gone":
            return False
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")
        return False
    web = backend(handle)
    here = behind(gateway, web, {}, {"name": "slow", "prefix": "/web/silent", "timeout": "300ms"})
    ours = ["-H", bearer(here)]
    said = {path: here.curl(f"/web/{path}", *ours, "-d", "x") for path in ("silent", "gone", "nonsense")}
    assert {path: (status, json.loads(body)["name"]) for path, (status, _, body) in said.items()} == {
        "silent": (504, "timed_out"), "gone": (503, "service_unavailable"),
        "nonsense": (502, "bad_upstream_answer")}
    web.close()
    status, _, body = until(lambda: (found := here.curl("/web/x", *ours)) and found[0] == 503 and found, 5)
    assert json.loads(body)["name"] == "service_unavailable"


def test_too_large_a_body_is_refused_whole_or_on_its_way(gateway, backend):
    def handle(request, connection):
        try:
            request.body = b"".join(connection.body(request))
        finally:
            request.ended = True
        connection.answer(200)
    web = backend(handle)
    here = behind(gateway, web, {"max_body_bytes": 1000})
    ours = ["-H", bearer(here)]
    assert here.curl("/web/", *ours, "-d", "x" * 1000)[0] == 200
    assert here.curl("/web/", *ours, "-d", "x" * 1001)[0] == 413
    assert len(web.requests) == 1
    status, _, _ = here.curl("/web/", *ours, "-H", "Transfer-Encoding: chunked", "-d", "x" * 1001)
    assert status == 413
    until(lambda: len(web.requests) == 1 or hasattr(web.requests[1], "ended"), 5)
    assert here.metric("sluice_limit_exceeded_total", limit="route_max_body_bytes") == 2


def test_a_client_that_goes_takes_its_request_with_it(gateway, backend):
    gone = threading.Event()

    def handle(request, connection):
        try:
            connection.until(b"never")
        except (Gone, OSError):
            gone.set()
            raise
    web = backend(handle)
    here = behind(gateway, web)
    with RawHTTP(here.port) as client:
        client.send(f"GET /web/ HTTP/1.1\r\nHost: h\r\n{bearer(here)}\r\n\r\n".encode())
        until(lambda: web.requests, 5)
    assert gone.wait(5), "the service hears that nobody waits"
    (entry,) = entries(here)
    assert entry["SLUICE_STATUS"] == "504"
    assert here.metric("sluice_upstream_requests_total", service="web", outcome="cancelled") == 1


def test_a_kept_connection_that_went_stale_costs_nobody_a_request(gateway, backend):
    def handle(request, connection):
        list(connection.body(request))
        connection.answer(200, b"y")
        return False  # without saying so
    web = backend(handle)
    here = behind(gateway, web, loops=1)
    ours = ["-H", bearer(here)]
    assert [here.curl("/web/", *ours)[0] for _ in range(20)] == [200] * 20


def test_web_sockets_pass_through(gateway, backend):
    heard = []

    def talk(socket_):
        heard.append(socket_.request.headers)
        for message in socket_:
            if message == "bye":
                socket_.close(4321, "as you wish")
                return
            socket_.send(message if isinstance(message, bytes) else message.upper())

    with serve(talk, "127.0.0.1", 0, subprotocols=["chat"], max_size=None) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]

        def config(here):
            service = {"name": "web", "link": "http", "instances": [f"127.0.0.1:{port}"]}
            return {"services": [*here.config["services"], service],
                    "routes": [{"name": "web", "prefix": "/live", "service": "web", "websocket": True},
                               {"name": "plain", "prefix": "/plain", "service": "web"}]}
        here = gateway(config=config, rules=policy(rules=(MEMBERS,)))
        url = f"ws://127.0.0.1:{here.port}"
        with pytest.raises(InvalidStatus) as no:
            connect(url + "/live")
        assert no.value.response.status_code == 401
        with pytest.raises(InvalidStatus) as no:
            connect(url + "/plain", additional_headers={"Authorization": f"Bearer {here.token('alice')}"})
        assert no.value.response.status_code == 400
        assert heard == []
        with connect(url + f"/live?token={here.token('alice')}&room=1", subprotocols=["chat"],
                     max_size=None, compression=None) as client:
            assert client.subprotocol == "chat"
            client.send("hi")
            assert client.recv(timeout=10) == "HI"
            large = os.urandom(3_000_000)
            client.send(large)
            assert client.recv(timeout=10) == large
            client.send("bye")
            with pytest.raises(ConnectionClosed) as end:
                client.recv(timeout=10)
            assert (end.value.rcvd.code, end.value.rcvd.reason) == (4321, "as you wish")
        assert heard[0]["Sluice-User"] == "alice"
        with connect(url + "/live", subprotocols=["bearer." + here.token("bob"), "chat"]) as client:
            client.send("x")
            assert client.recv(timeout=10) == "X"
        assert heard[1]["Sluice-User"] == "bob"
        assert heard[1]["Sec-WebSocket-Protocol"] == "chat"
        found = entries(here, count=3)
        assert sorted(entry["SLUICE_STATUS"] for entry in found) == ["101", "101", "401"]
        server.shutdown()


def test_a_web_sockets_end_reaches_the_other_side(gateway, backend):
    ends = []

    def handle(request, connection):
        accept_web_socket(request, connection)
        if request.path == "/web/hang-up":
            connection.send(b"last words")
            return False
        try:
            connection.until(b"never")
        except (Gone, OSError):
            ends.append("gone")
            raise
    web = backend(handle)
    here = behind(gateway, web, {"websocket": True})
    upgrade = ("GET /web/{} HTTP/1.1\r\nHost: h\r\n{}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    with RawHTTP(here.port) as client:
        client.send(upgrade.format("hang-up", bearer(here)).encode())
        assert client.until_closed().endswith(b"last words")
    with RawHTTP(here.port) as client:
        # Bytes right behind the upgrade are the new protocol's.
        client.send(upgrade.format("stay", bearer(here)).encode() + b"early")
        assert client.head()[0] == 101
        until(lambda: web.requests[-1].connection.buffer == b"early", 5)
    until(lambda: ends == ["gone"], 5)
    until(lambda: here.json("/v1/state")["route_calls"] == 0, 5)


def test_routes_change_with_a_reload(gateway, backend):
    web = backend()
    here = behind(gateway, web, {"authentication": "none"})
    assert here.curl("/web/")[0] == 200
    here.config["routes"] = [{"name": "other", "prefix": "/other/", "service": "web", "authentication": "none"}]
    here.rewrite_config()
    here.reload()
    assert here.curl("/web/")[0] == 404
    assert here.curl("/other/")[0] == 200


def test_pipelined_requests_need_one_place_after_the_other(gateway, backend):
    place = {"name": "one", "match": {"action": ["http.*"]}, "key": [], "algorithm": "concurrency", "limit": 1}
    here = behind(gateway, backend(), {"authentication": "none"}, limits_of=[place])
    with RawHTTP(here.port) as raw:
        raw.send(b"GET /web/ HTTP/1.1\r\nHost: a\r\n\r\n" * 5)
        assert [raw.response()[0] for _ in range(5)] == [200] * 5


def test_a_drain_waits_for_a_stream(gateway, backend):
    go = threading.Event()

    def handle(request, connection):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
        assert go.wait(10)
        connection.send(b"more")
    here = behind(gateway, backend(handle))
    with RawHTTP(here.port) as client:
        client.send(f"GET /web/ HTTP/1.1\r\nHost: h\r\n{bearer(here)}\r\n\r\n".encode())
        assert client.head()[0] == 200
        assert client.exactly(4) == b"half"
        here.signal(15)
        until(lambda: here.get("/ready")[0] == 503, 5)
        go.set()
        assert client.exactly(4) == b"more"
    until(lambda: not here.is_running, 10)


def test_native_services_take_no_routes(gateway):
    here = gateway()
    here.config["routes"] = [{"name": "web", "prefix": "/web/", "service": "user"}]
    here.rewrite_config()
    made = sluice("check", "--config", here.config_path, "--policies", here.policies)
    assert made.returncode != 0
    assert "has native links; a route needs HTTP" in made.stdout + made.stderr


def test_streams_of_http2_go_on_as_http1(gateway, backend, tmp_path):
    web = backend()
    authority = Authority(tmp_path / "ca")
    pair = authority.issue("localhost")

    def config(here):
        listener = {**here.config["listeners"][0], "tls": {"certificates": [pair.listed], "http2": True}}
        return {"listeners": [listener], "services": [*here.config["services"], web.service()],
                "routes": [{"name": "web", "prefix": "/web/", "service": "web"}]}
    here = gateway(config=config, rules=policy(rules=(MEMBERS,)))
    body = os.urandom(5_000_000)
    (tmp_path / "body").write_bytes(body)

    def curl(*arguments):
        made = subprocess.run(
            ["curl", "-sS", "--http2", "--cacert", authority.certificate, "-H", bearer(here), "--max-time", "30",
             *arguments, f"https://localhost:{here.port}/web/x"], capture_output=True, check=True)
        return made.stdout
    assert curl("--data-binary", f"@{tmp_path}/body") == body
    assert curl("-T", f"{tmp_path}/body", "-H", "Content-Length:", "-H", "Expect:") == body
    assert curl("-o", "/dev/null", "-w", "%{http_version} %{http_code}") == b"2 200"
    assert web.requests[0]["host"] == f"localhost:{here.port}"
    assert [request["x-forwarded-proto"] for request in web.requests] == ["https"] * 3


def test_a_web_socket_nobody_reads_holds_little(gateway, backend):
    def handle(request, connection):
        accept_web_socket(request, connection)
        for _ in range(MEGABYTES):
            connection.send(b"x" * 1_048_576)
        return False
    here = behind(gateway, backend(handle), {"websocket": True})
    base = rss(here.pid)
    with RawHTTP(here.port, seconds=60) as client:
        client.send((
            f"GET /web/ HTTP/1.1\r\nHost: h\r\n{bearer(here)}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode())
        assert client.head()[0] == 101
        waiting = settled(lambda: rss(here.pid)) - base
        assert waiting < 20_000, f"{waiting} KiB wait in the gateway"
        assert len(client.until_closed()) == MEGABYTES * 1_048_576, "the last bytes come before the end"
