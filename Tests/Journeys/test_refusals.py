"""Every documented no: its status, its name, and that the connection goes on where it should."""
import json

import pytest
from harness import envelopes, tokens
from harness.clients import CODECS
from harness.gateway import limit, policy
from harness.waiting import until

NOBODY_SENDS = 31_999


@pytest.mark.parametrize("codec", CODECS)
def test_refusals_leave_the_connection_open(gateway, codec):
    denied = {"name": "no-history-today", "effect": "deny", "action": ["message.history"]}
    here = gateway(rules=policy(rules=[denied]), commands={"message.send": {"max_bytes": 200}})
    client = here.connect("alice", codec)

    def refused(cmd, data, status, name, rule=None):
        reply = client.request(cmd, data)
        assert reply.status == status, (cmd, reply)
        assert reply.refusal["status"] == status and reply.refusal["name"] == name, reply
        assert reply.refusal["message"] and reply.refusal.get("rule") == rule, reply
        assert client.echo("still here").data == "still here"
        return reply

    refused(NOBODY_SENDS, {}, 404, "command_not_found")
    refused(envelopes.DELIVER, {"to": "bob"}, 404, "command_not_found")  # only services push it
    refused(envelopes.USER_LOGIN, {"user": "a"}, 404, "command_not_found")  # only the gateway asks it
    refused(60, None, 404, "command_not_found")  # the gateway's own range, unassigned
    refused(envelopes.HISTORY, {"with": "bob"}, 403, "permission_denied", rule="no-history-today")
    refused(envelopes.SEND, {"to": "bob", "text": "x" * 300}, 413, "too_large")


@pytest.mark.parametrize("codec", CODECS)
def test_what_no_rule_permits_is_denied_by_default(gateway, codec):
    here = gateway()
    client = here.connect("alice", codec, claims={"roles": ["member"]})
    reply = client.request(envelopes.PROFILE, {})
    assert reply.status == 0
    rules = policy()
    rules["permissions"]["rules"][1]["action"].remove("user.*")
    here.write_policy(rules)
    here.reload()
    reply = client.request(envelopes.PROFILE, {})
    assert reply.status == 403 and reply.refusal["rule"] == "default", reply
    assert reply.refusal["temporary"] is False


def test_deny_overrides_permit_and_claims_decide(gateway):
    rules = [
        {"name": "free-plan-has-no-history", "effect": "deny", "principal": {"claims": {"plan": ["free"]}},
         "action": ["message.history"]},
    ]
    here = gateway(rules=policy(rules=rules))
    free, pro = here.connect("alice"), here.connect("bob", claims={"plan": "pro"})
    assert free.request(envelopes.HISTORY, {"with": "bob"}).refusal["rule"] == "free-plan-has-no-history"
    assert pro.request(envelopes.HISTORY, {"with": "alice"}).status == 0


@pytest.mark.parametrize("codec", CODECS)
def test_over_the_largest_frame_the_connection_closes_with_1009(gateway, codec):
    here = gateway(limits={"max_frame_bytes": 4096})
    client, other = here.connect("alice", codec), here.connect("bob", codec)
    assert client.echo(None, payload=b"x" * 2000).status == 0
    client.send(envelopes.ECHO, seq=99, payload=b"x" * 5000)
    assert client.closed()[0] == 1009
    assert other.echo().status == 0
    assert here.metric("sluice_connections_closed_total", reason="too_large") == 1
    assert here.metric("sluice_limit_exceeded_total", limit="max_frame_bytes") == 1


@pytest.mark.parametrize("codec, frame", [
    ("json", '{"cmd":100,"seq":1'), ("json", "[]"), ("json", '{"cmd":"echo"}'), ("json", '{"cmd":100,"cmd":101}'),
    ("json", '{"cmd":100,"seq":9007199254740993}'), ("json", '{"cmd":100,"data":{"a":01}}'), ("json", "[" * 5000),
    ("protobuf", b"\xff\xff\xff\xff"), ("protobuf", b"\x10"), ("protobuf", b"\x7a\x7f\x00"),
    ("protobuf", b"\x10\x64\x3a\x02\xff\xfe"),  # a topic that is not UTF-8
], ids=lambda value: value[:12] if isinstance(value, str) else value.hex())
def test_an_envelope_that_cannot_be_read_closes_with_4501(gateway, codec, frame):
    here = gateway()
    client, other = here.connect("alice", codec), here.connect("bob", codec)
    client.send_raw(frame)
    assert client.closed()[0] == 4501
    assert other.echo().status == 0


@pytest.mark.parametrize("codec", CODECS)
def test_a_frame_of_the_other_opcode_closes_with_1003(gateway, codec):
    here = gateway()
    client = here.connect("alice", codec)
    client.send_raw(b"\x10\x64\x18\x01" if codec == "json" else '{"cmd":100,"seq":1}')
    assert client.closed()[0] == 1003


@pytest.mark.parametrize("codec", CODECS)
def test_before_authentication_nothing_but_auth_login_and_ping_is_taken(gateway, codec):
    here = gateway()
    client = here.stranger(codec)
    for cmd, data in ((envelopes.ECHO, "x"), (envelopes.SEND, {"to": "bob", "text": "x"}),
                      (envelopes.REFRESH, {"token": "x"}), (NOBODY_SENDS, None)):
        reply = client.request(cmd, data)
        assert reply.status == 401 and reply.refusal["name"] == "unauthenticated", reply
    assert client.request(envelopes.PING).status == 0
    assert client.authenticate(here.token("alice")).status == 0
    assert client.echo("now").status == 0


def test_gateway_fields_of_a_client_are_not_believed(gateway):
    """user_id, session, device and client are stamped by the gateway, whatever the client wrote."""
    here = gateway()
    bob, mallory = here.connect("bob"), here.connect("mallory", "protobuf")
    lie = envelopes.encode(
        "protobuf", envelopes.SEND, {"to": "bob", "text": "trust me"}, seq=1, user_id="alice", session="s", client="c")
    mallory.send_raw(lie + lie)  # twice: the last value of a field wins, and payloads merge to the last
    assert mallory.reply(1).status == 0
    assert bob.push(envelopes.DELIVER).data["from"] == "mallory"


@pytest.mark.parametrize("wrong, send", [
    ("unmasked", lambda raw: raw.send_frame(1, b'{"cmd":100}', masked=False)),
    ("reserved bit", lambda raw: raw.send_frame(1, b'{"cmd":100}', reserved=4)),
    ("unknown opcode", lambda raw: raw.send_frame(3, b"x")),
    ("continuation of nothing", lambda raw: raw.send_frame(0, b"x")),
    ("message inside a message", lambda raw: (raw.send_frame(1, b"{", fin=False), raw.send_frame(1, b"{}"))),
    ("fragmented ping", lambda raw: raw.send_frame(9, b"x", fin=False)),
    ("long ping", lambda raw: raw.send_frame(9, b"x" * 126)),
    ("close code of one byte", lambda raw: raw.send_frame(8, b"\x03")),
    ("close code 1005", lambda raw: raw.send_frame(8, b"\x03\xed")),
], ids=lambda value: value if isinstance(value, str) else "")
def test_websocket_errors_close_with_1002(gateway, wrong, send):
    raw = gateway().raw("alice", subprotocol="sluice.v1.json")
    raw.frame()
    send(raw)
    assert raw.close_code() == 1002, wrong
    raw.close()


def test_text_that_is_not_utf8_closes_with_1007(gateway):
    raw = gateway().raw("alice", subprotocol="sluice.v1.json")
    raw.frame()
    raw.send_frame(1, b'{"cmd":100,"data":"\xc3\x28"}')
    assert raw.close_code() == 1007
    raw.close()


def test_http_requests_that_are_not_ours_get_their_status(gateway):
    here = gateway(limits={"max_body_bytes": 2000})
    assert here.curl("/nowhere")[0] == 404
    assert here.curl("/v1/login")[0] == 405
    assert here.curl("/ws")[0] in (400, 426)
    assert here.curl("/v1/login", body='{"user":"' + "x" * 5000 + '"}')[0] == 413
    assert here.curl("/v1/login", "-H", "X-Long: " + "x" * 20_000, body="{}")[0] in (400, 431)
    upgrade = ["-H", "Connection: Upgrade", "-H", "Upgrade: websocket"]
    assert here.curl("/ws", *upgrade, "-H", "Sec-WebSocket-Version: 13", "-H", "Sec-WebSocket-Key: short")[0] == 400
    status, headers, _ = here.curl(
        "/ws", *upgrade, "-H", "Sec-WebSocket-Version: 8", "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    assert status in (400, 426) and headers.get("sec-websocket-version") == "13", headers


def test_more_connections_than_allowed_are_turned_away(gateway):
    here = gateway(limits={"max_connections": 3})
    kept = [here.connect(user) for user in ("alice", "bob", "carol")]
    status, headers, _ = here.curl("/v1/login", body=json.dumps({"user": "alice", "password": "wonderland"}))
    assert status == 503 and "retry-after" in headers
    until(lambda: here.metric("sluice_limit_exceeded_total", limit="max_connections") == 1)
    kept.pop().close()
    until(lambda: here.json("/v1/state")["connections"] == 2)
    kept.append(here.connect("dora"))
    assert all(client.echo().status == 0 for client in kept)


def test_a_command_over_http_and_every_refusal_as_a_problem(gateway):
    here = gateway(
        rules=policy(limit("http-echo", 2, "1h", burst=2), rules=[
            {"name": "no-history", "effect": "deny", "action": ["message.history"]}]),
        commands={"message.send": {"max_bytes": 100}})
    bearer = ("-H", f"Authorization: Bearer {here.token('alice')}")

    def call(name, body, *headers):
        status, answered, content = here.curl(f"/v1/commands/{name}", *headers, body=body)
        if status != 200:
            assert answered["content-type"].startswith("application/problem+json"), (name, answered)
            assert json.loads(content)["status"] == status
        return status, answered, json.loads(content)
    bob = here.connect("bob")
    status, _, sent = call("message.send", '{"to":"bob","text":"by curl"}', *bearer)
    assert status == 200 and bob.push(envelopes.DELIVER).data["id"] == sent["id"]
    assert [call("echo", "[1]", *bearer)[0] for _ in range(2)] == [200, 200]
    status, headers, problem = call("echo", "[1]", *bearer)
    assert (status, problem["name"], problem["rule"]) == (429, "rate_limited", "http-echo")
    assert 0 < int(headers["retry-after"]) <= 1800
    assert call("echo", "[1]")[0] == 401
    assert call("echo", "[1]", "-H", f"Authorization: Bearer {tokens.token(secret=tokens.OTHER_SECRET)}")[0] == 401
    status, _, problem = call("message.history", "{}", *bearer)
    assert (status, problem["rule"]) == (403, "no-history")
    assert call("no.such", "{}", *bearer)[0] == 404
    assert call("message.deliver", "{}", *bearer)[0] == 404
    assert call("message.send", '{"to":"bob","text":"' + "x" * 200 + '"}', *bearer)[0] == 413
    assert call("friend.list", "{not json", *bearer)[0] == 400
