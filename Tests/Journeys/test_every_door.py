"""The same journeys through every transport and codec, over every kind of link to the services.

One gateway per link; each journey comes from an address of its own, by which its entries in the journal are
found. After each, journal and counters must tell exactly what the client did.
"""
import itertools
import json
import os
import re
import socket
import threading
from collections import Counter

import pytest
from harness import envelopes, tokens
from harness.doors import ACTIONS, DOORS, LASTING, WebSocketDoor, outcome
from harness.fake_service import FakeService
from harness.gateway import COMMAND_KEYS, COMMANDS, Gateway, limit, policy
from harness.processes import PythonService, Services
from harness.waiting import free_port, until

MORE_COMMANDS = [
    (1303, "user.check", "user", "gateway", "5s", False, True, 4096),
    (1304, "user.session", "user", "gateway", "5s", False, True, 4096),
    (envelopes.DOWN, "down.ask", "down", "client", "5s", True, True, 4096),
    (envelopes.MUTE, "mute.ask", "mute", "client", "1s", False, True, 4096),
]
SERVICE_OF = {row[1]: row[2] for row in [*COMMANDS, *MORE_COMMANDS]}
RULES = policy(
    limit("friends-per-user", 2, "1h", burst=2, actions=["friend.list"]),
    rules=[
        {"name": "trial-sees-no-profile", "effect": "deny", "principal": {"claims": {"plan": ["trial"]}},
         "action": ["user.profile"]},
        {"name": "anybody-may-ask", "effect": "permit", "action": ["down.ask", "mute.ask"]},
    ],
    # Nothing is sampled: every entry is there, one by one.
    logging={"budget_per_second": 100_000, "reserve_per_second": 100_000})


class SilentServer:
    """Takes requests and says nothing, on plain TCP: what a hanging HTTP service looks like."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.kept = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                self.kept.append(self.listener.accept()[0])
            except OSError:
                return

    def stop(self):
        self.listener.close()
        for one in self.kept:
            one.close()


class World:
    """One kind of link: its services, and a gateway before them."""

    def __init__(self, link, folder, journald, *options, **config):
        """options: of a Python service's command line; config: further top keys of the configuration."""
        self.link, self.folder, self.options, self.more, self.processes = link, folder, options, config, []
        self.token_path = folder / "admin.token"
        self.token_path.write_text("admin-token-of-the-journeys-0123456789abcdef\n")
        self.token_path.chmod(0o600)
        self.mute = SilentServer() if link == "python-http" else FakeService()
        self.gateway = Gateway(folder, journald=journald, rules=RULES, services=free_port(), config=self.config)
        self.gateway.secrets.add(self.token_path.read_text().strip())
        self.processes.append(self.gateway)

    def config(self, gateway):
        kind = {"python-http": "http", "python-grpc": "grpc"}.get(self.link, "native")
        ports = {"user": self.serve(gateway), "mute": self.mute.port, "down": free_port()}
        ports["message"] = ports["friend"] = ports["user"]
        return {
            "listeners": [
                {"name": "main", "address": "127.0.0.1", "port": gateway.port},
                {"name": "tcp", "protocol": "tcp", "address": "127.0.0.1", "port": gateway.tcp_port}],
            "admin": {"address": "127.0.0.1", "port": gateway.admin_port, "token_file": str(self.token_path)},
            "services": [
                # The silent service says hello on a native link: a gRPC server that says nothing would be down.
                {"name": name, "link": "native" if kind == "grpc" and name == "mute" else kind,
                 "instances": [f"127.0.0.1:{port}"], "connect_timeout": "1s",
                 **({"base_path": "/commands"} if kind == "http" else {"backoff": {"min": "20ms", "max": "200ms"}})}
                for name, port in ports.items()],
            "commands": [
                dict(zip(COMMAND_KEYS, row)) | ({"max_bytes": 200} if row[1] == "message.send" else {})
                for row in [*COMMANDS, *MORE_COMMANDS]],
            **{key: {**gateway.config[key], **value} for key, value in self.more.items()},
        }

    def serve(self, gateway):
        if self.link == "demo":
            service = Services(self.folder, free_port())
        elif self.link == "python-native":
            service = PythonService("native_service.py", self.folder, *self.options)
        elif self.link == "python-grpc":
            service = PythonService("grpc_service.py", self.folder)
        else:
            service = PythonService(
                "http_service.py", self.folder, "--push-url", f"http://127.0.0.1:{gateway.admin_port}/v1/push",
                "--push-token-file", self.token_path)
        self.processes.append(service)
        return service.port

    def start(self):
        self.gateway.started(services=False)
        door = WebSocketDoor(self.gateway, "json", "127.0.0.1")
        until(lambda: door.log_in("alice", "wonderland").status == 0, 20, "the user service answers")
        door.close()
        door.enter("alice")
        until(lambda: door.echo().status == 0, 20, "a service answers")
        until(lambda: door.request(envelopes.MUTE).status == 504, 20, "the silent service is connected")
        door.close()

    def stop(self):
        try:
            self.gateway.finish()
        finally:
            self.mute.stop()
            for process in self.processes:
                process.kill()
        for process in self.processes[1:]:
            assert "Traceback" not in process.errors(), process.errors()


@pytest.fixture(scope="module", params=["demo", "python-native", "python-http", "python-grpc"])
def here(request, tmp_path_factory, journald):
    world = World(request.param, tmp_path_factory.mktemp(request.param), journald)
    try:
        world.start()
        yield world.gateway
    finally:
        world.stop()


@pytest.fixture(scope="module")
def with_sessions(tmp_path_factory, journald):
    """A service whose logins give session ids of its own, about which the gateway asks it."""
    world = World(
        "python-native", tmp_path_factory.mktemp("sessions"), journald, "--own-sessions",
        identity={"opaque": {"command": "user.session", "ttl": "30s", "negative_ttl": "1s"},
                  "user_check": {"command": "user.check", "ttl": "60s", "negative_ttl": "1s", "stale_ttl": "10m"}})
    try:
        world.start()
        yield world.gateway
    finally:
        world.stop()


SOURCES = (f"127.{a}.{b}.{c}" for a, b, c in itertools.product([1 + os.getpid() % 200], range(256), range(1, 255)))


@pytest.fixture(params=DOORS)
def door(request, here):
    """One door, closed and held to account after the journey."""
    kind, codec = DOORS[request.param]
    made = kind(here, codec, next(SOURCES))
    before = counted(here, made)
    yield made
    made.close()
    check_account(here, made, before)


def user():
    """A user nobody else is, so that limits are fresh."""
    return f"user-{next(NUMBERS)}"


NUMBERS = itertools.count(1)
lasting = pytest.mark.parametrize("door", LASTING, indirect=True)


def counted(here, door):
    """sluice_requests_total of the application's actions through this transport."""
    found = Counter()
    for (family, pairs), value in here.metrics().items():
        labels = dict(pairs)
        if family == "sluice_requests_total" and labels["transport"] == door.transport and known(labels["action"]):
            found[labels["action"], labels["outcome"]] += int(value)
    return found


def known(action):
    return action in ACTIONS.values() or action == "unknown"


def check_account(here, door, before):
    """Journal and counters hold one entry for each request, and each says what the client saw."""
    expected = Counter()
    for action, status, refusal in door.done:
        if door.transport == "http":
            status = 200 if status == 0 else 422 if status >= 1000 else status
        expected[action, str(status), refusal, outcome(refusal)] += 1

    def all_there():
        found = [
            entry for entry in here.journal("SLUICE_EVENT=request", f"SLUICE_CLIENT={door.source}")
            if known(entry["SLUICE_ACTION"])]
        told = Counter(
            (e["SLUICE_ACTION"], e["SLUICE_STATUS"], e.get("SLUICE_REFUSAL"), e["SLUICE_OUTCOME"]) for e in found)
        assert told == expected, f"told {told}, done {expected}, weights {[e['SLUICE_WEIGHT'] for e in found]}"
        return found or [None]
    for entry in filter(None, until(all_there, 10, "the journal tells what was done")):
        assert entry["SLUICE_TRANSPORT"] == door.transport
        assert entry["SLUICE_WEIGHT"] == "1" and int(entry["SLUICE_DURATION_US"]) >= 0
        if door.user and entry["SLUICE_STATUS"] != "401":
            assert entry["SLUICE_USER"] == door.user
        if entry["SLUICE_OUTCOME"] == "ok":
            assert entry["SLUICE_SERVICE"] == SERVICE_OF[entry["SLUICE_ACTION"]]
            assert entry["SLUICE_INSTANCE"].startswith("127.0.0.1:") and int(entry["SLUICE_UPSTREAM_US"]) > 0
    assert counted(here, door) - before == door.outcomes()


# Coming in

def test_login_gives_a_token_that_comes_in(here, door):
    here.secrets.add("not-wonderland")
    wrong = door.log_in("alice", "not-wonderland")
    assert wrong.status == 401 and wrong.refusal["name"] == "bad_credentials", wrong
    answer = door.log_in("alice", "wonderland")
    assert answer.status == 0 and answer.data["user_id"] == "alice", answer
    here.secrets |= {answer.data["token"], answer.data["refresh_token"]}
    door.close()
    door.enter("alice", answer.data["token"])
    assert door.echo("in").data in ("in", b'"in"')
    assert door.request(envelopes.PROFILE, {}).status == 0


def test_what_is_sent_comes_back_byte_for_byte(here, door):
    door.enter(user())
    for data in ("", "h\u00e9 \U0001f600 \u0000 \"quoted\" \\", 0, -1.5e300, [], {"a": [True, None, {"b": 1}]}):
        reply = door.echo(data)
        assert reply.status == 0 and reply.data in (data, json.dumps(data).encode()), (data, reply)
    if door.codec in ("protobuf", "bytes"):
        for payload in (b"\x00", bytes(range(256)), b"x" * 40_000):
            assert door.echo(payload=payload).data == payload


def test_no_bad_token_comes_in(here, door):
    for name, token in tokens.bad_tokens().items():
        here.secrets.add(token)
        expected = "token_expired" if name == "expired" else "unauthenticated"
        assert door.refused(token) == expected, name
        if door.transport == "http":
            door.done.append(("unknown", 401, expected))
    door.enter(user())
    assert door.echo().status == 0


@pytest.mark.parametrize("name", DOORS)
def test_a_session_id_of_the_service_comes_in(with_sessions, name):
    here = with_sessions
    kind, codec = DOORS[name]
    with kind(here, codec, next(SOURCES)) as door:
        before = counted(here, door)
        answer = door.log_in("bob", "builder")
        assert answer.status == 0 and re.fullmatch("[0-9a-f]{32}", answer.data["token"]), answer
        here.secrets.add(answer.data["token"])
        door.close()
        door.enter("bob", answer.data["token"])
        for _ in range(3):
            assert door.echo().status == 0
        check_account(here, door, before)
    with kind(here, codec, next(SOURCES)) as door:
        here.secrets.add("f" * 32)
        assert door.refused("f" * 32) == "unauthenticated"
        assert door.refused(here.token("nobody-of-this-name")) == "revoked", "the user service knows no such user"


# Refusals

def test_an_unknown_command_is_refused(here, door):
    door.enter(user())
    reply = door.request(31_999, {})
    assert reply.status == 404 and reply.refusal["name"] == "command_not_found"
    assert door.echo().status == 0


def test_what_the_policy_denies_is_refused_with_the_rule(here, door):
    door.enter(user(), plan="trial")
    reply = door.request(envelopes.PROFILE, {"user": "bob"})
    assert reply.status == 403 and reply.refusal["name"] == "permission_denied"
    assert reply.refusal["rule"] == "trial-sees-no-profile" and reply.refusal["temporary"] is False
    assert door.echo().status == 0


def test_over_the_limit_the_refusal_names_the_rule_and_when_to_come_back(here, door):
    door.enter(user())
    replies = [door.request(envelopes.FRIENDS, {}) for _ in range(4)]
    assert [reply.status for reply in replies] == [0, 0, 429, 429]
    for reply in replies[2:]:
        assert reply.refusal["name"] == "rate_limited" and reply.refusal["rule"] == "friends-per-user"
        assert reply.refusal["temporary"] is True
        # One of two an hour comes back after 30 minutes; some seconds of them have passed.
        assert 1_740_000 < reply.refusal["retry_after_ms"] <= 1_800_000, reply
    assert door.echo().status == 0, "another action has no such limit"


def test_a_payload_over_the_commands_bound_is_refused(here, door):
    door.enter(user())
    reply = door.request(envelopes.SEND, {"to": "carol", "text": "x" * 300})
    assert reply.status == 413 and reply.refusal["name"] == "too_large"
    assert door.echo().status == 0


def test_a_services_own_status_passes(here, door):
    door.enter(user())
    reply = door.request(envelopes.SEND, {"to": "", "text": "x"})
    assert reply.status == 1400 and reply.refusal is None and "error" in reply.data, reply


def test_a_service_that_is_not_there_is_503(here, door):
    door.enter(user())
    reply = door.request(envelopes.DOWN, {})
    assert reply.status == 503 and reply.refusal["name"] == "service_unavailable"
    assert reply.refusal["temporary"] is True
    assert door.echo().status == 0


def test_a_service_that_does_not_answer_is_504(here, door):
    door.enter(user())
    reply = door.request(envelopes.MUTE, {})
    assert reply.status == 504 and reply.refusal["name"] == "timed_out" and reply.refusal["temporary"] is True
    assert door.echo().status == 0


# Many at once

def test_many_in_flight_find_their_requests(here, door):
    door.enter(user())
    asked = [(envelopes.ECHO, {"n": number}) for number in range(24)]
    came = door.together(asked)
    assert sorted(number for number, _ in came) == list(range(24))
    for number, reply in came:
        assert reply.status == 0 and reply.data in ({"n": number}, json.dumps({"n": number}).encode())


def test_a_slow_answer_holds_back_no_other(here, door):
    door.enter(user())
    came = door.together([(envelopes.MUTE, {}), (envelopes.ECHO, 1), (envelopes.PROFILE, {"user": "bob"}), (envelopes.ECHO, 2)])
    assert came[-1][0] == 0 and came[-1][1].status == 504
    assert {reply.status for _, reply in came[:-1]} == {0}


# Tokens that live

def test_refresh_and_log_out(here, door):
    answer = door.log_in("carol", "singer")
    here.secrets |= {answer.data["token"], answer.data["refresh_token"]}
    door.close()
    door.enter("carol", answer.data["token"])
    if door.keeps_connection:
        renewed = door.refresh(here.token("carol", expires_in=1200, jti=user()))
        assert renewed.status == 0 and renewed.data["expires_at"] > answer.data["expires_at"] - 600, renewed
        other = door.refresh(answer.data["refresh_token"])
        assert other.status == 401, "a refresh token is no access token"
    else:
        renewed = door.refresh(answer.data["refresh_token"])
        assert renewed.status == 0 and renewed.data["user_id"] == "carol", renewed
        here.secrets |= {renewed.data["token"], renewed.data["refresh_token"]}
        door.token = renewed.data["token"]
    assert door.echo().status == 0
    assert door.log_out().status == 0


def test_after_a_logout_the_token_is_good_nowhere(here, door):
    name = user()
    token = here.token(name, jti=name)
    door.enter(name, token)
    assert door.echo().status == 0
    assert door.log_out().status == 0
    if door.keeps_connection:
        assert door.client.closed()[0] == 1000
    door.close()
    for kind, codec in DOORS.values():
        is_same = kind.transport == door.transport
        with kind(here, codec, door.source if is_same else next(SOURCES)) as other:
            assert other.refused(token) == "revoked"
        if is_same and kind.transport == "http":
            door.done.append(("unknown", 401, "revoked"))


# Pushes and presence

def test_a_message_reaches_its_receiver_as_a_push(here, door):
    receiver = user()
    door.enter(user())
    others = []
    for name in LASTING:
        kind, codec = DOORS[name]
        others.append(kind(here, codec, "127.0.0.1"))
        others[-1].enter(receiver)
    sent = door.request(envelopes.SEND, {"to": receiver, "text": "to every door"})
    assert sent.status == 0, sent
    number = (sent.data if isinstance(sent.data, dict) else json.loads(sent.data))["id"]
    for other in others:
        push = other.push(envelopes.DELIVER)
        assert push.is_push and push.delivery == "must" and push.seq == 1
        assert push.data == {"from": door.user, "text": "to every door", "id": number}
        other.close()


@lasting
def test_friends_hear_of_coming_and_going(here, door):
    bob = WebSocketDoor(here, "json", "127.0.0.1")
    bob.enter("bob")
    until(lambda: here.leftovers().get("presence", 0) == 0, 10, "nothing of former journeys is under way")
    door.enter("alice")
    online = bob.push(envelopes.PRESENCE)
    while online.data["user"] != "alice" or not online.data["online"]:
        online = bob.push(envelopes.PRESENCE)
    door.close()
    offline = bob.push(envelopes.PRESENCE)
    assert offline.data == {"user": "alice", "online": False, "number": offline.data["number"]}
    assert offline.data["number"] > online.data["number"]
    bob.close()
