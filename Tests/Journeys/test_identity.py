"""Who is believed, and for how long: a key source, session ids, users that go, revocation, logout."""
import hashlib
import json
import threading
import time

import pytest
from harness import admin, envelopes, keys
from harness.clients import Closed
from harness.fake_service import FakeService
from harness.gateway import COMMANDS, COMMAND_KEYS
from harness.waiting import free_port, until

USER_CHECK, USER_SESSION, USER_CHANGED = 1303, 1304, 15


def identity(gateway_key, **more):
    return {"keys": [{"kid": "main", "algorithm": "HS256", "secret_file": str(gateway_key)}], "issuer": "sluice",
            "audience": "sluice", "leeway": "0s", "issue": {"key": "main"}, **more}


def commands():
    rows = [*COMMANDS, (USER_CHECK, "user.check", "user", "gateway", "2s", False, True, 4096),
            (USER_SESSION, "user.session", "user", "gateway", "2s", False, True, 4096)]
    return [dict(zip(COMMAND_KEYS, row)) for row in rows]


@pytest.fixture
def secret(tmp_path):
    from harness import tokens
    path = tmp_path / "identity.key"
    path.write_bytes(tokens.SECRET)
    path.chmod(0o600)
    return path


class Users:
    """A user service that knows who exists and whose sessions are good; `silent` answers nothing."""

    def __init__(self):
        self.gone, self.sessions, self.asked, self.silent = set(), {}, [], False
        self.service = FakeService(self.answer)

    def answer(self, call):
        if self.silent and call.envelope.cmd in (USER_CHECK, USER_SESSION):
            return None
        body = json.loads(call.envelope.payload or b"{}")
        if call.envelope.cmd == USER_CHECK:
            self.asked.append(body["user"])
            reply = {"exists": body["user"] not in self.gone}
        elif call.envelope.cmd == USER_SESSION:
            self.asked.append(body["token"])
            reply = self.sessions.get(body["token"], {"active": False})
        else:
            reply = {"notify": []}
        call.reply_json(json.dumps(reply).encode())
        return None

    def kill(self):
        self.service.stop()


@pytest.fixture
def users(started):
    return started(Users())


@pytest.fixture
def source(started):
    return started(keys.KeySource(free_port()))


def doors(users, services):
    return {"user": [users.service.port], "message": [services.port], "friend": [services.port]}


# The key source


def test_keys_rotate_under_load_without_one_failed_request(gateway, secret, source):
    """Every request comes with a token of the newest key the moment that key is shown."""
    made = {"k0": keys.make("ES256")}
    source.show(keys.jwk(made["k0"], "ES256", "k0"))
    here = gateway(config={"identity": identity(secret, jwks={"url": source.url, "refresh": "1h"})})
    until(lambda: here.metric("sluice_key_source_keys") == 1, 10, "the first set is taken")
    newest, failed, done, stop = ["k0"], [], [0], threading.Event()

    def requests():
        while not stop.is_set():
            kid = newest[0]
            token = keys.sign(made[kid], "ES256", kid, jti=str(time.monotonic_ns()))
            status, _, body = here.curl(
                "/v1/commands/echo", "-H", f"Authorization: Bearer {token}", body="1")
            done[0] += 1
            if status != 200:
                failed.append((kid, status, body))

    threads = [threading.Thread(target=requests) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(1, 4):
        kid = f"k{number}"
        made[kid] = keys.make("ES256")
        source.show(*(keys.jwk(key, "ES256", name) for name, key in list(made.items())[-3:]))
        newest[0] = kid
        goal = done[0] + 10
        until(lambda: done[0] >= goal, 30, "requests with the new key")
    stop.set()
    for thread in threads:
        thread.join()
    assert not failed, failed[:3]
    until(lambda: here.metric("sluice_key_source_fetches_total", result="ok") == 4, 10, "four sets were taken")
    # k0 left the set with the last rotation: tokens of it are refused, remembered or not.
    old = keys.sign(made["k0"], "ES256", "k0")
    assert here.curl("/v1/commands/echo", "-H", f"Authorization: Bearer {old}", body="1")[0] == 401


def test_the_last_good_keys_stay_while_the_source_is_down(gateway, secret, source):
    key = keys.make("RS256")
    source.show(keys.jwk(key, "RS256", "r"))
    here = gateway(config={"identity": identity(
        secret, jwks={"url": source.url, "refresh": "1s", "timeout": "1s"})})
    until(lambda: here.metric("sluice_key_source_keys") == 1, 10, "the key is there")
    for answer, result in (
            (None, "unreachable"), ((500, b"", {}), "bad_status"), ((200, b"x" * 300_000, {}), "too_large"),
            ((302, b"", {"Location": source.url}), "bad_status"), ((200, b"[]", {}), "malformed"),
            ((200, json.dumps({"keys": [{"kty": "oct", "k": "AAAA", "kid": "r"}]}).encode(), {}), "malformed"),
            ((200, json.dumps({"keys": [{**keys.jwk(key, "RS256", "r"), "d": "AAAA"}]}).encode(), {}), "malformed")):
        before = here.metric("sluice_key_source_fetches_total", result=result)
        source.answer = answer
        until(lambda: here.metric("sluice_key_source_fetches_total", result=result) > before, 15, result)
        assert here.metric("sluice_key_source_keys") == 1
    token = keys.sign(key, "RS256", "r")
    assert here.connect(token=token).echo().status == 0
    # Nobody can tell whether a key that is not known is a new one: that is no 401.
    other = keys.sign(keys.make("RS256"), "RS256", "new")
    assert here.curl("/v1/commands/echo", "-H", f"Authorization: Bearer {other}", body="1")[0] == 503


def test_a_gateway_starts_without_its_source_and_finds_it_later(gateway, secret, source):
    key = keys.make("EdDSA")
    source.answer = None
    here = gateway(config={"identity": identity(secret, jwks={"url": source.url, "timeout": "5s"})})
    assert here.connect("bob").echo().status == 0
    token = keys.sign(key, "EdDSA", "e")
    assert here.curl("/v1/commands/echo", "-H", f"Authorization: Bearer {token}", body="1")[0] == 503
    source.show(keys.jwk(key, "EdDSA", "e"))
    assert here.connect(token=token).echo().status == 0


# Session ids


def test_session_ids_are_asked_about_once_and_refused_while_bad(gateway, services, secret, users):
    soon = int(time.time()) + 3600
    users.sessions["sid-alice-0123456789"] = {
        "active": True, "user_id": "alice", "roles": ["member"], "plan": "pro", "expires_at": soon}
    here = gateway(services=doors(users, services), loops=1, config={
        "commands": commands(), "identity": identity(secret, opaque={"command": "user.session", "ttl": "1h", "negative_ttl": "1h"})})
    for _ in range(3):
        assert here.connect(token="sid-alice-0123456789").auth.data["user"] == "alice"
    bad = "sid-nobody-0123456789"
    for _ in range(3):
        client = here.stranger()
        assert client.authenticate(bad).status == 401 and client.closed()[0] == 4500
    assert users.asked == ["sid-alice-0123456789", bad]
    users.silent = True
    client = here.stranger()
    assert client.authenticate("sid-other-0123456789").status in (503, 504)
    assert client.closed()[0] == 4005


@pytest.mark.parametrize("expires_at, outcome", [
    (2**63 - 1, "in"), (-2**63, "out"), (None, "in"), (4e9 + 0.5, "in"), (10**30, "in"), (1.5, "out"),
    ("2100-01-01", "nobody knows"), (True, "nobody knows")])
def test_what_a_service_says_of_a_sessions_end_is_taken_with_care(
        gateway, services, secret, users, expires_at, outcome):
    sid = "sid-alice-0123456789"
    users.sessions[sid] = {"active": True, "user_id": "alice", "roles": ["member"], "expires_at": expires_at}
    here = gateway(services=doors(users, services), loops=1, config={
        "commands": commands(), "identity": identity(secret, opaque={"command": "user.session", "ttl": "1h"})})
    client = here.stranger()
    answer = client.authenticate(sid)
    if outcome == "in":
        assert answer.data["user"] == "alice"
        # The end of the session is reckoned with here, too.
        status, _, _ = here.curl("/v1/logout", "-X", "POST", "-H", f"Authorization: Bearer {sid}")
        assert status == 204
        assert client.closed()[0] == 4505
        assert here.curl("/v1/commands/echo", "-d", "1", "-H", f"Authorization: Bearer {sid}")[0] == 401
    else:
        # A date that cannot be read is not "never".
        assert answer.status == {"out": 401, "nobody knows": 503}[outcome]


# Users that go


def test_a_user_who_is_gone_is_refused_and_his_connection_ends_when_somebody_says_so(
        gateway, services, secret, users, tmp_path):
    here = gateway(services=doors(users, services), config={
        "commands": commands(), "identity": identity(secret, user_check={"command": "user.check", "ttl": "1h",
                                                                         "stale_ttl": "2h"})},
        admin=admin.settings(tmp_path))
    alice, bob = here.connect("alice"), here.connect("bob")
    users.gone |= {"alice", "bob", "carol"}
    client = here.stranger()
    reply = client.authenticate(here.token("carol"))
    assert reply.status == 401 and reply.refusal["name"] == "revoked" and client.closed()[0] == 4505
    assert alice.echo().status == 0
    admin.Admin(here).ok("DELETE", "/v1/users/alice/check")
    assert alice.closed()[0] == 4505
    users.service.push(USER_CHANGED, b"{}", users=["bob"])
    assert bob.closed()[0] == 4505


def test_a_user_stays_while_nobody_answers_and_a_stranger_comes_back_later(gateway, services, secret, users):
    here = gateway(services=doors(users, services), loops=1, config={
        "commands": commands(), "identity": identity(
            secret, user_check={"command": "user.check", "ttl": "1s", "stale_ttl": "1h"})})
    here.connect("alice")
    users.silent = True
    # The answer is a second old at the latest by then, and nobody gives another.
    until(lambda: here.connect("alice") and here.metric(
        "sluice_identity_lookups_total", cache="user", result="stale") > 0, 20, "a stale answer serves")
    client = here.stranger()
    assert client.authenticate(here.token("bob")).status == 503
    assert client.closed()[0] == 4005


# Revocation and logout


@pytest.mark.parametrize("by", ["jti", "token_sha256", "user"])
def test_a_revoked_token_ends_its_connections_and_opens_no_other(gateway, tmp_path, by):
    here = gateway(admin=admin.settings(tmp_path))
    token = here.token("alice", jti="t-1")
    alice, bob = here.connect(token=token), here.connect("bob")
    now = int(time.time())
    what = {"jti": {"jti": "t-1"}, "token_sha256": {"token_sha256": hashlib.sha256(token.encode()).hexdigest()},
            "user": {"user": "alice", "issued_before": now + 1}}[by]
    admin.Admin(here).ok("POST", "/v1/revocations", {**what, "expires_at": now + 3600}, status=201)
    assert alice.closed()[0] == 4505
    assert here.curl("/v1/commands/echo", "-H", f"Authorization: Bearer {token}", body="1")[0] == 401
    here.reload("unchanged")
    client = here.stranger()
    assert client.authenticate(token).refusal["name"] == "revoked" and client.closed()[0] == 4505
    assert bob.echo().status == 0
    assert here.metric("sluice_auth_total", result="revoked") == 2


def test_logout_ends_the_token_everywhere_and_the_refresh_token(gateway):
    here = gateway()
    issued = here.log_in("alice", "wonderland")
    first, second = here.connect(token=issued["token"]), here.connect(token=issued["token"])
    assert first.request(envelopes.LOGOUT, {"token": issued["refresh_token"]}).status == 0
    assert first.closed()[0] == 1000
    assert second.closed()[0] == 4505
    status, _, body = here.curl("/v1/refresh", body=json.dumps({"refresh_token": issued["refresh_token"]}))
    assert status == 401 and b'"revoked"' in body


def test_logout_over_http(gateway):
    here = gateway()
    issued = here.log_in("alice", "wonderland")
    bearer = ("-H", f"Authorization: Bearer {issued['token']}")
    client = here.connect(token=issued["token"])
    assert here.curl("/v1/logout", *bearer, body=json.dumps({"refresh_token": issued["refresh_token"]}))[0] == 204
    with pytest.raises(Closed) as closed:
        client.receive()
    assert closed.value.code == 4505
    assert here.curl("/v1/logout", *bearer, body="")[0] == 401
    bob = ("-H", f"Authorization: Bearer {here.log_in('bob', 'builder')['token']}")
    for wrong in ("[]", '{"refresh_token":7}', "{"):
        assert here.curl("/v1/logout", *bob, body=wrong)[0] == 400
    assert here.curl("/v1/logout", *bob, body="{}")[0] == 204, "an empty object names no refresh token"


def test_a_refresh_token_buys_one_pair(gateway):
    here = gateway()
    issued = here.log_in("alice", "wonderland")
    body = json.dumps({"refresh_token": issued["refresh_token"]})
    answers = [here.curl("/v1/refresh", body=body) for _ in range(4)]
    for _, _, text in answers:
        here.secrets |= {value for value in json.loads(text).values() if str(value).count(".") == 2}
    assert sorted(status for status, *_ in answers) == [200, 401, 401, 401]
    assert here.metric("sluice_auth_total", method="refresh", result="reused") == 3
