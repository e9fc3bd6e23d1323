"""Presence: who came and went is told once, in order, to the user service and to friends."""
import json
import signal
import socket
import struct
import subprocess
import sys
import time

import pytest
from harness import envelopes
from harness.admin import Admin, settings
from harness.clients import CODECS
from harness.fake_service import FakeService
from harness.waiting import free_port, until

RESET = {"id": 1305, "name": "user.presence.reset", "service": "user", "from": "gateway", "timeout": "10s",
         "ordered": True, "retry_safe": True, "max_bytes": 65536}
FRIENDS = {"alice": ["bob", "carol", "bob"], "bob": ["alice"], "carol": ["alice"]}


class UserService:
    """Takes presence and keeps what it was told, in order. `mode`: ok, status or silent."""

    def __init__(self, port=0):
        self.mode, self.friends = "ok", dict(FRIENDS)
        self.resets, self.events, self.refused, self.order = [], [], 0, []
        self.service = FakeService(self._answer, port)
        self.port = self.service.port

    def _answer(self, call):
        if call.envelope.cmd not in (RESET["id"], envelopes.USER_PRESENCE):
            return None
        body = json.loads(call.envelope.payload)
        if self.mode == "silent":
            return None
        if self.mode == "status":
            self.refused += 1
            return call.reply_json(b'{"error":"not now"}', 1503)
        self.order.append(body)
        if call.envelope.cmd == RESET["id"]:
            self.resets.append(body)
            return call.reply_json(b"{}")
        self.events.append(body)
        return call.reply_json(json.dumps({"notify": self.friends.get(body["user"], [])}).encode())

    def stop(self):
        if self.service:
            self.service.stop()
        self.service = None

    def told(self, user, *states):
        """Waits until the service knows these states of a user, in this order and no others."""
        def known():
            found = [event["online"] for event in self.events if event["user"] == user]
            assert found == list(states), (user, found)
            return True
        until(known, 15)
        numbers = [event["number"] for event in self.events if event["user"] == user]
        assert numbers == sorted(set(numbers)), numbers


@pytest.fixture
def users():
    made = []

    def make(port=0):
        made.append(UserService(port))
        return made[-1]
    yield make
    for one in made:
        one.stop()


@pytest.fixture
def present(users, gateway, tmp_path):
    """make(service, ...): a gateway with this user service, with reset and admin calls.

    Depends on `users` to end before them: the service hears who went at the end, too.
    """
    def make(service, **more):
        folder = tmp_path / "admin"
        folder.mkdir(exist_ok=True)
        ports = {name: [service if isinstance(service, int) else service.port]
                 for name in ("user", "message", "friend")}
        return gateway(
            services=ports, admin=settings(folder),
            config=lambda made: {"node": "node-1", "commands": [*made.config["commands"], RESET]}, **more)
    return make


def events(client, count):
    return [client.push(envelopes.PRESENCE).data for _ in range(count)]


def test_friends_hear_who_comes_and_goes_with_the_services_numbers(present, users):
    service = users()
    here = present(service)
    began = time.time() * 1000
    bob = here.connect("bob", "protobuf")
    service.told("bob", True)
    carol = here.connect("carol")
    service.told("carol", True)
    alice = here.connect("alice")
    service.told("alice", True)
    second = here.connect("alice")
    second.close()
    alice.close()
    service.told("alice", True, False)
    numbers = [event["number"] for event in service.events if event["user"] == "alice"]
    for friend in (bob, carol):
        # Named twice by the service, told once.
        assert [(one["user"], one["online"], int(one["number"])) for one in events(friend, 2)] == [
            ("alice", True, numbers[0]), ("alice", False, numbers[1])]
    assert all(event["node"] == "node-1" for event in service.events)
    [reset] = service.resets
    assert reset["node"] == "node-1" and abs(reset["epoch"] - began) < 60_000
    assert service.order[0] is reset, "the reset comes before any presence"
    assert here.metric("sluice_presence_events_total", state="online") == 3
    bob.close()
    carol.close()
    service.told("bob", True, False)


def test_numbers_grow_over_a_restart_and_the_reset_comes_first(present, users):
    service = users()
    first = present(service)
    for _ in range(3):
        first.connect("alice").close()
    until(lambda: len(service.events) == 6)
    first.connect("bob")
    service.told("bob", True)
    first.signal(signal.SIGKILL)
    first.wait(10)
    until(lambda: time.time() * 1000 > service.resets[0]["epoch"])
    second = present(service)
    until(lambda: len(service.resets) == 2)
    assert service.resets[1]["epoch"] > service.resets[0]["epoch"]
    before = max(event["number"] for event in service.events)
    second.connect("alice").close()
    until(lambda: len(service.events) == 9)
    assert all(event["number"] > before for event in service.events[-2:])
    assert all(event["number"] < 2 ** 53 for event in service.events)
    at = service.order.index(service.resets[1])
    assert all(event["number"] > before for event in service.order[at + 1:])


def test_a_service_that_is_away_is_told_everything_when_it_is_back(present, users):
    service = users()
    here = present(service, limits={"max_waiting_presence": 1000})
    until(lambda: service.resets)
    bob = here.connect("bob")
    service.told("bob", True)
    # The service has it; the gateway knows so only once the answer has come.
    until(lambda: here.json("/v1/state")["presence"] == 0)
    port = service.port
    service.stop()
    until(lambda: all(one["connected_loops"] == 0 for one in here.json("/v1/upstreams")["instances"]))
    alice = here.connect("alice")
    here.connect("carol").close()
    until(lambda: here.json("/v1/state")["presence"] == 2)
    back = users(port)
    back.told("alice", True)
    back.told("carol", True, False)
    assert not back.resets, "a service that comes back is not reset: nothing was lost"
    assert {one["user"] for one in events(bob, 1)} == {"alice"}
    alice.close()
    bob.close()
    back.told("alice", True, False)
    back.told("bob", False)


def test_a_reset_waits_for_its_service_and_presence_for_the_reset(present, users):
    port = free_port()
    here = present(port, wait_for_services=False)
    clients = [here.connect(user) for user in ("alice", "bob")]
    until(lambda: here.json("/v1/state")["presence"] == 2)
    service = users(port)
    service.told("alice", True)
    service.told("bob", True)
    assert len(service.resets) == 1 and service.order[0] is service.resets[0]
    for client in clients:
        client.close()
    service.told("bob", True, False)


def test_a_service_that_says_no_is_asked_again_and_keeps_nobody_waiting(present, users):
    service = users()
    here = present(service)
    until(lambda: service.resets)
    service.mode = "status"
    alice = here.connect("alice")
    until(lambda: service.refused >= 2)
    service.mode = "ok"
    service.told("alice", True)
    alice.close()
    service.told("alice", True, False)


@pytest.mark.parametrize("way", ["close", "kick", "reset", "killed", "heartbeat", "expiry"])
def test_each_way_to_go_takes_the_user_offline_once(present, users, way):
    service = users()
    here = present(
        service, limits={"heartbeat_interval": "1s", "heartbeat_misses": 1} if way == "heartbeat" else {})
    admin = Admin(here)
    if way == "close":
        here.connect("dave").close()
    elif way == "kick":
        dave = here.connect("dave")
        service.told("dave", True)
        assert admin.kick("dave") == 1
        assert dave.closed()[0] == 4505
    elif way == "reset":
        raw = here.raw("dave")
        service.told("dave", True)
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.socket.close()
    elif way == "killed":
        program = (
            "import socket, sys\n"
            f"s = socket.create_connection(('127.0.0.1', {here.port}))\n"
            f"s.sendall(b'GET /ws?token={here.token('dave')} HTTP/1.1\\r\\nHost: h\\r\\nUpgrade: websocket\\r\\n'\n"
            "b'Connection: Upgrade\\r\\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\\r\\n'\n"
            "b'Sec-WebSocket-Version: 13\\r\\n\\r\\n')\n"
            "sys.stdin.read()\n")
        client = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE)
        service.told("dave", True)
        client.kill()
        client.wait()
        client.stdin.close()
    elif way == "heartbeat":
        raw = here.raw("dave")  # never answers a ping
        service.told("dave", True, False)
        raw.socket.close()
    elif way == "expiry":
        here.connect("dave", claims={"expires_in": 5})
    service.told("dave", True, False)
    assert here.metric("sluice_presence_events_total", state="offline") == 1


def test_a_device_that_comes_again_does_not_flap(present, users):
    service = users()
    here = present(service)
    first = here.connect("dave", query="device=phone")
    service.told("dave", True)
    for _ in range(5):
        second = here.connect("dave", query="device=phone")
        assert first.closed()[0] == 4006
        first = second
    first.close()
    service.told("dave", True, False)


def test_a_drain_tells_the_service_before_the_process_ends(present, users):
    service = users()
    here = present(service, drain="10s")
    for number in range(20):
        here.connect(f"u{number}")
    until(lambda: len(service.events) == 20)
    assert here.stop(15) == 0
    assert sorted(event["user"] for event in service.events if not event["online"]) == sorted(
        f"u{number}" for number in range(20))


def test_a_list_to_notify_has_a_limit(present, users):
    service = users()
    here = present(service, limits={"max_push_targets": 3})
    until(lambda: service.resets)
    bob = here.connect("bob")
    service.friends["dave"] = ["bob", "a", "b", "c"]
    dave = here.connect("dave")
    service.told("dave", True)
    until(lambda: here.metric("sluice_limit_exceeded_total", limit="max_push_targets") == 1)
    service.friends["dave"] = ["bob", "a", "b"]
    dave.close()
    assert [one["online"] for one in events(bob, 1)] == [False]


@pytest.mark.parametrize("codec", CODECS)
def test_the_demo_services_know_who_is_online(gateway, codec):
    here = gateway(config=lambda made: {"commands": [*made.config["commands"], RESET]})
    carol = here.connect("carol", codec)

    def is_online(user):
        reply = carol.request(envelopes.PROFILE, {"user": user})
        return (json.loads(reply.data) if isinstance(reply.data, bytes) else reply.data)["online"]
    until(lambda: is_online("carol"))
    assert not is_online("alice")
    alice = here.connect("alice")
    assert carol.push(envelopes.PRESENCE).data["user"] == "alice"
    until(lambda: is_online("alice"))
    alice.close()
    until(lambda: not is_online("alice"))
