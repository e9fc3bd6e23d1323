"""The way everybody goes first: log in, connect, send, receive."""
import json
import sys

import pytest
from harness import envelopes
from harness.clients import CODECS


def test_a_message_goes_from_alice_to_the_service_and_as_a_push_to_bob(gateway):
    here = gateway()
    alice = here.connect(codec="protobuf", token=here.log_in("alice", "wonderland")["token"])
    bob = here.connect(codec="json", token=here.log_in("bob", "builder")["token"])
    assert alice.auth.data["user"] == "alice" and bob.auth.data["user"] == "bob"

    sent = alice.request(envelopes.SEND, {"to": "bob", "text": "hello bob"})
    assert sent.status == 0, sent
    push = bob.push(envelopes.DELIVER)
    assert push.is_push and push.delivery == "must", push
    assert push.data["from"] == "alice" and push.data["text"] == "hello bob"
    assert push.data["id"] == sent.data["id"]

    back = bob.request(envelopes.SEND, {"to": "alice", "text": "hello alice"})
    assert back.status == 0 and alice.push(envelopes.DELIVER).data["text"] == "hello alice"


@pytest.mark.parametrize("codec", CODECS)
def test_a_push_reaches_every_device_and_only_its_user(gateway, codec):
    here = gateway()
    phone, desktop = here.connect("bob", codec), here.connect("bob", codec)
    alice, carol = here.connect("alice"), here.connect("carol", codec)
    assert alice.request(envelopes.SEND, {"to": "bob", "text": "both?"}).status == 0
    assert phone.push(envelopes.DELIVER).data == desktop.push(envelopes.DELIVER).data
    # Whatever carol got before her echo would lie in her pushes now.
    carol.echo()
    assert not [push for push in carol.pushes if push.cmd == envelopes.DELIVER]


@pytest.mark.parametrize("codec", CODECS)
def test_login_over_the_websocket_gives_a_token_that_authenticates_the_same_connection(gateway, codec):
    here = gateway()
    client = here.stranger(codec)
    refused = client.log_in("alice", "not-wonderland")
    here.secrets.add("not-wonderland")
    assert refused.status == 401 and refused.refusal["name"] == "bad_credentials"
    answer = client.log_in("alice", "wonderland")
    assert answer.status == 0 and answer.data["user_id"] == "alice", answer
    here.secrets |= {answer.data["token"], answer.data["refresh_token"]}
    auth = client.authenticate(answer.data["token"], id="phone-1", platform="ios", app="chat 1.0")
    assert auth.status == 0 and auth.data["user"] == "alice" and len(auth.data["session"]) == 32
    assert auth.data["heartbeat_ms"] == 25_000 and auth.data["max_frame_bytes"] == 65_536
    assert client.echo("now I may").status == 0


def test_login_over_http_with_curl(gateway):
    here = gateway()
    answer = here.log_in("alice", "wonderland")
    assert answer["user_id"] == "alice" and answer["token"].count(".") == 2
    assert answer["expires_at"] > 1_700_000_000 and answer["refresh_token"]

    here.secrets.add("queen-of-hearts")
    status, headers, body = here.curl("/v1/login", body='{"user":"alice","password":"queen-of-hearts"}')
    problem = json.loads(body)
    assert status == 401 and headers["content-type"].startswith("application/problem+json"), (headers, body)
    assert problem["status"] == 401 and "bad_credentials" in body.decode(), problem
    for broken in ("{", "[]", '{"user":"alice","user":"bob","password":"x"}'):
        status, headers, body = here.curl("/v1/login", body=broken)
        assert status == 400 and headers["content-type"].startswith("application/problem+json"), (broken, status, body)


def test_a_refresh_token_gets_a_new_token_and_opens_no_connection(gateway):
    here = gateway()
    first = here.log_in("alice", "wonderland")
    status, _, body = here.curl("/v1/refresh", body=json.dumps({"refresh_token": first["refresh_token"]}))
    assert status == 200, body
    second = json.loads(body)
    here.secrets |= {second["token"]}
    assert here.connect(token=second["token"]).echo().status == 0
    status, *_ = here.curl(f"/ws?token={first['refresh_token']}", *UPGRADE)
    assert status == 401


UPGRADE = ("-H", "Connection: Upgrade", "-H", "Upgrade: websocket", "-H", "Sec-WebSocket-Version: 13",
           "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")


@pytest.mark.parametrize("codec", CODECS)
def test_the_demo_services_answer_their_commands(gateway, codec):
    here = gateway()
    alice = here.connect("alice", codec)
    assert "bob" in alice.request(envelopes.FRIENDS, {}).data["friends"]
    assert alice.request(envelopes.PROFILE, {}).status == 0
    assert alice.request(envelopes.SEND, {"to": "bob", "text": "kept"}).status == 0
    history = alice.request(envelopes.HISTORY, {"with": "bob"})
    assert history.status == 0 and "kept" in json.dumps(history.data)


@pytest.mark.parametrize("codec", CODECS)
def test_what_is_sent_comes_back_byte_for_byte(gateway, codec):
    client = gateway().connect(codec=codec)
    for payload in (b"", b"\x00", bytes(range(256)), b"x" * 40_000):
        reply = client.echo(None, payload=payload)
        assert reply.status == 0 and (reply.data or b"") == payload, len(payload)
    for data in ("", "h\u00e9 \U0001f600 \u0000 \"quoted\" \\", 0, -1.5e300, [], {}, None, {"a": [True, None, {"b": 1}]}):
        reply = client.echo(data) if data is not None else client.echo({"n": None})
        assert reply.status == 0 and (reply.data == data or data is None), data


def test_json_data_travels_as_its_raw_bytes(gateway):
    """Not parsed and written again: spaces, key order and number forms stay."""
    client = gateway().connect()
    client.send_raw('{"cmd":100,"seq":9,"data": { "z" : 1.50, "a":[ ] } }')
    assert '{ "z" : 1.50, "a":[ ] }' in client.connection.recv(timeout=10)


def test_a_message_in_fragments_with_a_ping_between_is_one_message(gateway):
    here = gateway()
    raw = here.raw("alice", subprotocol="sluice.v1.json")
    assert raw.frame()[0] == 1  # the auth reply
    raw.send_frame(1, b'{"cmd":100,"se', fin=False)
    raw.send_frame(0, b'q":3,"da', fin=False)
    raw.send_frame(9, b"are you there")
    raw.send_frame(0, b'ta":"whole"}')
    assert raw.frame() == (10, b"are you there")
    opcode, reply = raw.frame()
    assert opcode == 1 and json.loads(reply)["data"] == "whole"
    raw.send_frame(8, b"\x03\xe8")
    assert raw.close_code() == 1000
    raw.close()


def test_pipelined_requests_all_get_their_reply_in_order(gateway):
    """Ordered commands of one connection keep their order."""
    client = gateway().connect(codec="protobuf")
    for seq in range(1, 201):
        client.send(envelopes.ECHO, {"n": seq}, seq=seq)
    replies = [client.receive() for _ in range(200)]
    assert [reply.seq for reply in replies] == list(range(1, 201))
    assert all(reply.data == {"n": reply.seq} for reply in replies)


def test_a_request_without_seq_gets_no_reply(gateway):
    client = gateway().connect()
    client.send(envelopes.ECHO, "silent", seq=0)
    client.send(31_999, "unknown, and silent", seq=0)
    assert client.echo("heard").data == "heard"
    assert not client.other_replies


def test_friends_hear_of_coming_and_going(gateway):
    here = gateway()
    bob = here.connect("bob")
    alice = here.connect("alice")
    online = bob.push(envelopes.PRESENCE)
    assert online.data["user"] == "alice" and online.data["online"] is True, online
    second = here.connect("alice")
    alice.close()
    assert second.echo().status == 0
    second.close()
    offline = bob.push(envelopes.PRESENCE)
    assert offline.data["user"] == "alice" and offline.data["online"] is False, offline
    assert offline.data["number"] > online.data["number"]
    bob.echo()
    assert not [push for push in bob.pushes if push.cmd == envelopes.PRESENCE], "told more than once"


def test_the_load_of_the_bench_is_answered_where_the_bench_looks(gateway):
    """Benchmarks/contender tells the harness at which offset of a reply to look; this holds it to the truth."""
    contender = envelopes.ROOT / "Benchmarks/contender"
    told = json.loads((contender / "sluice.json").read_text())["load"]["B"]["args"]
    option = lambda name: told[told.index(name) + 1]
    sys.path.insert(0, str(contender))
    from envelope import envelope
    message = bytearray(envelope())
    start, size = int(option("--seq-off")), int(option("--seq-size"))
    message[start:start + size] = (4711).to_bytes(size, "big")
    here = gateway()
    client = here.connect("alice", "protobuf")
    client.send_raw(bytes(message))
    reply = client.connection.recv(timeout=10)
    assert len(reply) == int(option("--expect-len"))
    start = int(option("--reply-seq-off"))
    assert int.from_bytes(reply[start:start + size], "big") == 4711
    offset, value = map(int, option("--ok-byte").split(":"))
    assert reply[offset] == value
