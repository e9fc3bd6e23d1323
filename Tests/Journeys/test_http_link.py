"""Commands answered by services over HTTP, on every way in, and what happens when such a service does not behave."""
import json
import threading

import pytest
from harness.certificates import Authority
from harness.envelopes import ECHO, HISTORY
from harness.gateway import policy
from harness.http_backend import Gone, HTTPBackend
from harness.waiting import free_port, until


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


def over_http(gateway, *backends, tls=None, **more):
    """A gateway whose `message` service is reached over HTTP."""
    def config(here):
        others = [one for one in here.config["services"] if one["name"] != "message"]
        service = {"name": "message", "link": "http", "base_path": "/do", "backoff": {"min": "20ms", "max": "100ms"},
                   "connect_timeout": "5s",
                   "instances": [f"127.0.0.1:{port}" for port in backends]}
        return {"services": [*others, {**service, "tls": tls} if tls else service]}
    return gateway(config=config, **more)


@pytest.mark.parametrize("codec", ["json", "protobuf"])
def test_a_command_goes_out_and_its_answer_comes_back(gateway, backend, codec):
    web = backend()
    here = over_http(gateway, web.port)
    for client in (here.connect("alice", codec), here.tcp("alice", codec)):
        reply = client.request(ECHO, {"n": 1})
        assert (reply.status, reply.data) == (0, {"n": 1})
    assert {request.target for request in web.requests} == {"/do/echo"}
    assert all(request["sluice-user"] == "alice" and request["sluice-session"] for request in web.requests)
    assert all(request["sluice-client"] == "127.0.0.1" for request in web.requests)
    status, _, body = here.curl("/v1/commands/echo", "-H", f"Authorization: Bearer {here.token('bob')}", body=b"[2]")
    assert (status, body) == (200, b"[2]")
    assert web.requests[-1]["sluice-user"] == "bob"
    assert here.metric("sluice_upstream_requests_total", service="message", outcome="ok") == 3
    entry = until(lambda: here.journal("SLUICE_ACTION=echo", "SLUICE_USER=bob"), 15)[0]
    assert entry["SLUICE_INSTANCE"] == f"127.0.0.1:{web.port}"


def test_what_a_service_answers_is_what_the_client_is_told(gateway, backend):
    said = {
        "own": (200, {"Sluice_Status": "1042"}, 1042), "none": (404, {}, 1404), "full": (503, {}, 503),
        "late": (504, {}, 504), "broken": (500, {}, 502), "forged": (200, {"Sluice_Status": "401"}, 502),
    }

    def handle(request, connection):
        asked = json.loads(b"".join(connection.body(request)))
        status, headers, _ = said[asked]
        connection.answer(status, b'"why"', Content_Type="application/json", **headers)
    here = over_http(gateway, backend(handle).port)
    client = here.connect()
    assert {asked: client.request(ECHO, asked).status for asked in said} == {
        asked: wanted for asked, (_, _, wanted) in said.items()}


def test_requests_of_one_session_stay_in_order_and_others_overtake(gateway, backend):
    go, seen = threading.Event(), []

    def handle(request, connection):
        asked = b"".join(connection.body(request))
        seen.append(asked)
        if asked == b'"first"':
            assert go.wait(10)
        connection.answer(200, asked, Content_Type="application/json")
    here = over_http(gateway, backend(handle).port)
    alice, bob = here.connect("alice"), here.connect("bob")
    for seq, word in enumerate(("first", "second", "third"), 1):
        alice.send(ECHO, word, seq=seq)
    until(lambda: seen == [b'"first"'], 5)
    assert bob.request(ECHO, "beside").status == 0
    assert seen == [b'"first"', b'"beside"']
    go.set()
    # Beside them alice hears that bob has come.
    came = [alice.receive() for _ in range(4)]
    assert [reply.data for reply in came if reply.cmd == ECHO] == ["first", "second", "third"]


def test_a_deadline_and_a_client_that_goes_end_the_request(gateway, backend):
    gone = []

    def handle(request, connection):
        list(connection.body(request))
        try:
            connection.until(b"never")
        except (Gone, OSError):
            gone.append(request["sluice-user"])
            raise
    web = backend(handle)
    here = over_http(gateway, web.port, commands={"echo": {"timeout": "200ms"}, "message.history": {"timeout": "20s"}})
    reply = here.connect("alice").request(ECHO, 1)
    assert (reply.status, reply.refusal["name"]) == (504, "timed_out")
    until(lambda: gone == ["alice"], 5)
    leaving = here.connect("bob")
    leaving.send(HISTORY, {}, seq=1)
    until(lambda: len(web.requests) == 2, 5)
    leaving.close()
    until(lambda: gone == ["alice", "bob"], 5)


def test_an_instance_that_goes_is_left_out_and_comes_back(gateway, backend):
    first, second = backend(), backend()
    here = over_http(gateway, first.port, second.port, loops=1)
    client = here.connect()

    def up():
        found = here.json("/v1/upstreams")["instances"]
        return {one["instance"]: one["connected_loops"] for one in found if one["service"] == "message"}
    for number in range(30):
        assert client.request(HISTORY, number).status == 0
    assert first.requests and second.requests
    first.close()
    until(lambda: client.request(HISTORY, 0) and up()[f"127.0.0.1:{first.port}"] == 0, 10)
    assert [client.request(HISTORY, number).status for number in range(20)] == [0] * 20
    backend(port=first.port)
    until(lambda: up()[f"127.0.0.1:{first.port}"] == 1, 10)
    messages = lambda: [
        entry["MESSAGE"] for entry in here.journal("SLUICE_EVENT=upstream") if str(first.port) in entry["MESSAGE"]]
    until(lambda: [("down" in message) for message in messages()] == [False, True, False], 15)


def test_login_works_over_http(gateway, backend):
    def handle(request, connection):
        asked = json.loads(b"".join(connection.body(request)))
        assert request.path == "/commands/user.login" and request["sluice-user"] is None
        if asked["password"] == "wonderland":
            connection.answer(200, b'{"user_id":"alice","roles":["member"]}', Content_Type="application/json")
        else:
            connection.answer(200, b"{}", Content_Type="application/json", Sluice_Status="1001")
    web = backend(handle)

    def config(here):
        others = [one for one in here.config["services"] if one["name"] != "user"]
        commands = [one for one in here.config["commands"] if one["name"] != "user.presence"]
        return {"services": [*others, web.service("user")], "commands": commands}
    here = gateway(config=config)
    answer = here.log_in("alice", "wonderland")
    assert answer["user_id"] == "alice"
    assert here.connect(token=answer["token"]).request(ECHO, 1).status == 0
    here.secrets.add("builder")
    assert here.curl("/v1/login", body=b'{"user":"alice","password":"builder"}')[0] == 401


def test_a_service_that_nobody_runs_is_unavailable(gateway):
    here = over_http(gateway, free_port(), rules=policy())
    reply = here.connect().request(ECHO, 1)
    assert (reply.status, reply.refusal["name"]) == (503, "service_unavailable")


def test_tls_with_certificates_on_both_sides(gateway, backend, tmp_path):
    authority, stranger = Authority(tmp_path / "ca"), Authority(tmp_path / "other", "other")
    ours = authority.issue("gateway", client=True)
    web = backend(tls=authority.server_context(authority.issue("service"), clients=authority))
    tls = {"ca": str(authority.certificate), "certificate": str(ours.certificate), "key": str(ours.key)}
    here = over_http(gateway, web.port, tls=tls)
    client = here.connect()
    assert [client.request(ECHO, number).data for number in range(5)] == list(range(5))
    assert web.tls_problems == []

    wrong = over_http(gateway, web.port, tls={**tls, "ca": str(stranger.certificate)})
    assert wrong.connect().request(ECHO, 1).status == 503
    down = until(lambda: [e for e in wrong.journal("SLUICE_EVENT=upstream") if "tls_failed" in e["MESSAGE"]], 15)
    assert "not trusted" in down[0]["MESSAGE"]
