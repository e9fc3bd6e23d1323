"""Admin calls that change something: who may, what they do, what is written down about it."""
import json
import os
import signal
import socket
import stat
import time

import pytest
from harness import envelopes
from harness.admin import TOKEN, Admin, settings
from harness.clients import CODECS, Closed
from harness.waiting import until

JSON = "Content-Type: application/json"
BEARER = f"Authorization: Bearer {TOKEN}"
PUSH = {"users": ["alice"], "cmd": 2000, "data": {"n": 1}}


@pytest.fixture
def guarded(gateway, tmp_path):
    """make(...): a gateway with an admin socket and a token."""
    def make(**more):
        folder = tmp_path / "admin"
        folder.mkdir(exist_ok=True)
        here = gateway(**more, admin=settings(folder))
        return here
    return make


def calls(here, action, result):
    return here.metric("sluice_admin_calls_total", action=action, result=result)


@pytest.mark.parametrize("by", ["token", "socket"])
def test_a_push_reaches_every_connection_in_its_codec(guarded, by):
    here = guarded()
    admin = Admin(here, by)
    devices = [here.connect("alice", codec, query=f"device={codec}") for codec in CODECS]
    bob = here.connect("bob")
    data = {"text": "ä \" \\", "big": 12345678901234567890123, "list": [1, None, 1.50]}
    assert admin.push(users=["alice", "nobody"], cmd=2000, data=data, **{"class": "must", "ttl_ms": 60000}) == {
        "delivered": 1, "queued": 0, "offline": 1}
    for device in devices:
        push = device.push(2000)
        assert (push.seq, push.delivery, push.data) == (1, "must", data)
    # The bytes are the sender's: a number no double holds arrives as it was written.
    assert b"12345678901234567890123" in (push.raw if isinstance(push.raw, bytes) else str(push.raw).encode())
    assert admin.push(all=True, cmd=2001, payload="AAEC", **{"class": "latest"})["delivered"] == 3
    for device in [*devices, bob]:
        push = device.push(2001)
        assert (push.seq, push.delivery, push.data) == (0, "latest", b"\x00\x01\x02")
    assert admin.push(sessions=[bob.auth.data["session"], "0" * 32], cmd=2002) == {
        "delivered": 1, "queued": 0, "offline": 1}
    assert bob.push(2002).data in (None, b"")
    assert calls(here, "admin.push", "ok") == 3
    def written():
        entries = here.journal("SLUICE_ACTION=admin.push")
        kinds = [entry["SLUICE_EVENT"] for entry in entries]
        assert sorted(kinds) == ["admin"] * 3 + ["push"] * 3, kinds
        return [entry for entry in entries if entry["SLUICE_EVENT"] == "admin"]
    entry = until(written)[0]
    assert entry["SLUICE_CALLER"] == ("token" if by == "token" else f"uid {os.geteuid()}")
    assert "cmd 2000 to 2 targets: delivered 1, queued 0, offline 1" in entry["MESSAGE"]


@pytest.mark.parametrize("body, name, status", [
    ({"users": ["a"], "cmd": 99}, "bad_command", 400),
    ({"users": ["a"], "cmd": "x"}, "bad_command", 400),
    ({"users": ["a"]}, "bad_command", 400),
    ({"users": ["a"], "cmd": 2000, "class": "musst"}, "bad_class", 400),
    ({"users": ["a"], "cmd": 2000, "class": 1}, "bad_class", 400),
    ({"users": [], "cmd": 2000}, "bad_targets", 400),
    ({"users": ["a", ""], "cmd": 2000}, "bad_targets", 400),
    ({"users": "a", "cmd": 2000}, "bad_targets", 400),
    ({"users": ["a"], "all": True, "cmd": 2000}, "bad_targets", 400),
    ({"all": False, "cmd": 2000}, "bad_targets", 400),
    ({"cmd": 2000}, "bad_targets", 400),
    ({"sessions": ["zz"], "cmd": 2000}, "bad_targets", 400),
    ({"users": ["a"] * 4, "cmd": 2000}, "too_many_targets", 413),
    ({"users": ["a"], "cmd": 2000, "payload": "*"}, "bad_payload", 400),
    ({"users": ["a"], "cmd": 2000, "payload": "AA==", "data": 1}, "bad_payload", 400),
    ({"users": ["a"], "cmd": 2000, "ttl_ms": -1}, "bad_ttl", 400),
    ({"user": ["a"], "cmd": 2000}, "unknown_member", 400),
    ([1], "bad_json", 400),
], ids=lambda value: value if isinstance(value, str) else None)
def test_a_push_that_is_not_one_is_refused_with_a_hint(shared, body, name, status):
    admin = Admin(shared)
    found, problem = admin.send("POST", "/v1/push", body)
    assert (found, problem["name"]) == (status, name), problem
    assert len(problem["detail"]) > 10


@pytest.fixture
def shared(guarded):
    return guarded(limits={"max_push_targets": 3, "max_admin_body_bytes": 4096})


def test_limits_of_a_push_are_counted(shared):
    admin = Admin(shared)
    assert admin.send("POST", "/v1/push", {"users": ["a"] * 4, "cmd": 2000})[0] == 413
    assert shared.metric("sluice_limit_exceeded_total", limit="max_push_targets") == 1
    found, problem = admin.send("POST", "/v1/push", {**PUSH, "data": "x" * 5000})
    assert (found, problem["name"]) == (413, "too_large")
    assert admin.send("POST", "/v1/push", data="{")[1]["name"] == "bad_json"
    assert calls(shared, "admin.push", "too_large") == 1
    assert calls(shared, "admin.push", "failed") == 2


REFUSED = [
    # what, headers, status, name
    ("no token", [JSON], 401, "unauthenticated"),
    ("wrong token", [JSON, BEARER[:-1] + "x"], 401, "wrong_token"),
    ("content type", [BEARER, "Content-Type: text/plain"], 415, "bad_content_type"),
    ("no content type", [BEARER], 415, "bad_content_type"),
    ("origin", [JSON, BEARER, "Origin: http://localhost:9901"], 403, "origin_present"),
    ("host", [JSON, BEARER, "Host: evil.example"], 421, "misdirected"),
    ("port", [JSON, BEARER, "Host: localhost:1"], 421, "misdirected"),
]


def test_each_guard_refuses_and_nothing_happens(guarded):
    here = guarded()
    admin = Admin(here)
    alice = here.connect("alice")
    for what, headers, status, name in REFUSED:
        for method, path in [("POST", "/v1/push"), ("POST", "/v1/drain")]:
            found, problem = admin.send(method, path, PUSH, headers=headers)
            assert (found, problem["name"]) == (status, name), (what, problem)
            assert problem["detail"] and TOKEN not in json.dumps(problem)
        found, problem = admin.send(
            "DELETE", "/v1/users/alice/connections", headers=headers,
            data="{}" if status == 415 else None)
        assert (found, problem["name"]) == (status, name), (what, problem)
    assert admin.send("PUT", "/v1/push", PUSH)[0] == 405
    assert admin.send("POST", "/v1/pusch", PUSH)[0] == 404
    assert alice.echo().status == 0 and not alice.pushes
    assert here.get("/ready")[0] == 200
    for name in {row[3] for row in REFUSED} - {"misdirected"}:
        times = sum(1 for row in REFUSED if row[3] == name)
        assert calls(here, "admin.drain", name) == times, name
    def written():
        refused = here.journal("SLUICE_EVENT=admin", "SLUICE_OUTCOME=refused")
        assert {entry["SLUICE_REFUSAL"] for entry in refused} >= {"unauthenticated", "wrong_token"}
        return True
    until(written)


def test_the_socket_is_for_the_gateways_own_user(guarded):
    here = guarded()
    admin = Admin(here, "socket")
    path = here.config["admin"]["socket"]
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert admin.push(users=["x"], cmd=2000)["offline"] == 1
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    # Somebody opened the file to all: the kernel still says who it is.
    os.chmod(path, 0o666)
    for folder in list(here.folder.parents)[:4] + [here.folder.parent / "admin"]:
        os.chmod(folder, os.stat(folder).st_mode | 0o011)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    found, problem = admin.send("POST", "/v1/push", PUSH, headers=[JSON], before=nobody)
    assert (found, problem["name"]) == (403, "wrong_user"), problem
    assert admin.send("POST", "/v1/push", PUSH, headers=[JSON, BEARER], before=nobody)[0] == 200


def test_the_socket_goes_with_the_gateway_and_replaces_a_stale_one(guarded, started):
    here = guarded()
    path = here.config["admin"]["socket"]
    here.signal(signal.SIGKILL)
    here.wait(10)
    assert os.path.exists(path), "a killed process leaves its file"
    again = guarded()
    assert again.config["admin"]["socket"] == path
    assert Admin(again, "socket").push(users=["x"], cmd=2000)["offline"] == 1
    assert again.stop(10) == 0
    assert not os.path.exists(path)


def test_connections_are_listed_and_kicked(guarded):
    here = guarded()
    admin = Admin(here)
    user = "zoë/ü x"
    quoted = "zo%C3%AB%2F%C3%BC%20x"
    assert admin.connections(quoted) == []
    phone = here.connect(user, "protobuf", query="device=phone")
    laptop = here.connect(user, "json", query="device=laptop")
    tab = here.connect(user, "json")
    listed = {one["device"]: one for one in admin.connections(quoted)}
    assert set(listed) == {"phone", "laptop", ""}
    one = listed["phone"]
    assert one["session"] == phone.auth.data["session"]
    assert one["transport"] == "websocket" and one["codec"] == "protobuf" and one["client"] == "127.0.0.1"
    assert abs(one["connected_since"] - time.time()) < 30 and one["version"] == 1
    assert one["in_flight"] == 0 and one["bytes_queued"] == 0

    assert admin.kick(quoted, "?device=phone") == 1
    kicked = phone.push(envelopes.KICKED)
    assert kicked.data == {"reason": "operator", "device": ""}
    assert phone.closed()[0] == 4505
    assert admin.kick(quoted, "?device=phone") == 0
    assert admin.kick(quoted, f"?session={laptop.auth.data['session']}") == 1
    assert laptop.closed()[0] == 4505
    assert laptop.pushes[-1].data == {"reason": "operator", "device": ""}
    assert tab.echo().status == 0
    for query in ["?devise=x", "?session=12", "?device=a&device=b"]:
        found, problem = admin.send("DELETE", f"/v1/users/{quoted}/connections{query}")
        assert (found, problem["name"]) == (400, "bad_query")
    assert admin.kick(quoted) == 1
    assert tab.closed()[0] == 4505
    assert admin.connections(quoted) == []
    assert here.metric("sluice_connections_closed_total", reason="revoked") == 3
    # The same user may come back: a kick is not a ban.
    assert here.connect(user).echo().status == 0


def test_a_drain_is_told_paced_and_leaves_the_process_up(guarded):
    here = guarded(drain="2s")
    admin = Admin(here, "socket")
    clients = [here.connect(f"u{n}") for n in range(6)]
    [node] = admin.ok("GET", "/v1/gateways")["gateways"]
    assert node["ready"] and node["connections"] == 6 and node["listeners"][0]["protocol"] == "http"
    answer = admin.ok("POST", "/v1/drain", {}, status=202)
    assert answer["draining"] and answer["connections"] == 6 and answer["deadline_ms"] == 2000
    for client in clients:
        told = client.push(envelopes.GOAWAY)
        assert told.data["reason"] == "drain" and told.data["reconnect_after_ms"] <= 2000
        assert client.closed()[0] == 4000
    assert here.get("/ready")[0] == 503
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", here.port), timeout=5)
    assert admin.ok("POST", "/v1/drain", {}, status=202)["connections"] == 0
    assert not admin.ok("GET", "/v1/gateways")["gateways"][0]["ready"]
    here.check_running()


def test_a_token_that_is_none_is_told_before_anything_listens(tmp_path, started):
    from harness.gateway import Gateway
    for number, (text, hint) in enumerate([
            ("short", "the admin token has 5 bytes"), ("with a space in it", "what a header cannot carry"),
            (None, "cannot be read")]):
        folder = tmp_path / f"broken{number}"
        folder.mkdir()
        path = folder / "token"
        if text is not None:
            path.write_text(text)
        here = started(Gateway(folder, admin={"token_file": str(path)}))
        assert here.wait(10) == 64
        assert hint in here.errors() and (text is None or text not in here.errors())
