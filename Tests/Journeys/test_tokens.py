"""Every way a token comes in, and every token that must not get in."""
import json

import pytest
from harness import envelopes, tokens
from harness.clients import CODECS, Closed
from websockets.exceptions import InvalidStatus

CHANNELS = ("header", "subprotocol", "query", "frame")


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("channel", CHANNELS)
def test_a_good_token_opens_the_connection(gateway, channel, codec):
    here = gateway()
    client = here.connect("alice", codec, channel=channel)
    assert client.auth.data["user"] == "alice"
    # The token is an offer, not a protocol: it never comes back.
    assert client.subprotocol == {"json": "sluice.v1.json", "protobuf": "sluice.v1"}[codec]
    assert client.echo("in").status == 0


def test_a_client_without_subprotocol_speaks_the_codec_of_its_first_frame(gateway):
    here = gateway()
    for codec in CODECS:
        client = here.stranger(codec, subprotocols=[])
        assert client.subprotocol is None
        assert client.authenticate(here.token("alice")).data["user"] == "alice"
        assert client.echo("as I spoke").status == 0


def test_a_handshake_token_without_subprotocol_is_answered_in_the_codec_of_the_first_frame(gateway):
    here = gateway()
    raw = here.raw("alice")
    raw.send_frame(1, b'{"cmd":100,"seq":1,"data":1}')
    first, second = (json.loads(raw.frame()[1]) for _ in range(2))
    assert (first["cmd"], first["seq"]) == (envelopes.AUTH, 0) and second["seq"] == 1
    raw.close()


@pytest.fixture(scope="module")
def bad():
    return tokens.bad_tokens()


def test_no_bad_token_gets_in_by_any_channel(gateway, bad):
    """One gateway, every bad token, every channel: the documented answer each time, nothing else breaks."""
    here = gateway()
    bystander = here.connect("bob")
    for name, token in bad.items():
        here.secrets.add(token)
        expected = "token_expired" if name == "expired" else "unauthenticated"
        for channel in ("header", "subprotocol", "query"):
            with pytest.raises(InvalidStatus) as refused:
                here.stranger(token=token, channel=channel)
            answer = refused.value.response
            assert answer.status_code == 401, (name, channel)
            assert answer.headers["Content-Type"].startswith("application/problem+json"), (name, channel)
            problem = json.loads(answer.body)
            assert problem["status"] == 401 and expected in answer.body.decode(), (name, channel, problem)
        for codec in CODECS:
            client = here.stranger(codec)
            reply = client.authenticate(token)
            assert reply.status == 401 and reply.refusal["name"] == expected, (name, reply)
            assert reply.refusal["temporary"] is False and "rule" not in reply.refusal, (name, reply)
            assert client.closed()[0] == 4500, name
        assert bystander.echo(name).data == name
    refused = here.metric("sluice_auth_total") - here.metric("sluice_auth_total", result="ok")
    assert refused == len(bad) * 5


@pytest.mark.parametrize("name", ["expired", "wrong_signature"])
def test_a_browser_learns_of_a_bad_token_by_close_code(gateway, bad, name):
    """It cannot read a failed upgrade, so the upgrade succeeds and ends with 4500, no message before."""
    here = gateway()
    here.secrets.add(bad[name])
    client = here.stranger(headers={"Origin": "https://chat.example"}, query=f"token={bad[name]}")
    with pytest.raises(Closed) as closed:
        client.receive()
    assert closed.value.code == 4500


def test_a_bearer_subprotocol_must_stand_beside_a_codec(gateway):
    here = gateway()
    with pytest.raises(InvalidStatus) as refused:
        here.stranger(subprotocols=[f"bearer.{here.token('alice')}"])
    assert refused.value.response.status_code == 400


def test_an_unknown_protocol_version_is_refused_by_name(gateway):
    here = gateway()
    with pytest.raises(InvalidStatus) as refused:
        here.stranger(subprotocols=["sluice.v9"])
    assert refused.value.response.status_code == 400
    assert "unsupported_version" in refused.value.response.body.decode()
    client = here.connect()
    reply = client.request(envelopes.ECHO, "x", version=9)
    assert reply.status == 400 and reply.refusal["name"] == "unsupported_version"
    assert client.closed()[0] == 4506


def test_a_token_without_kid_is_good_where_there_is_one_key(gateway):
    here = gateway()
    assert here.connect(claims={"header": {"kid": None}}).echo().status == 0


def test_authenticating_twice_is_refused_and_the_connection_stays(gateway):
    here = gateway()
    client = here.connect("alice")
    again = client.authenticate(here.token("bob"))
    assert again.status == 400, again
    assert client.echo("still alice").status == 0


def test_a_user_whom_the_policy_does_not_let_in_is_closed_with_4502(gateway):
    here = gateway()
    client = here.stranger()
    reply = client.authenticate(here.token("mallory", roles=["guest"]))
    assert reply.status == 403 and reply.refusal["rule"] == "default"
    assert client.closed()[0] == 4502
