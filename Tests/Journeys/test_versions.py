"""Protocol versions: version 2 beside version 1, on every transport, counted, others refused."""
import json

import pytest
from harness import envelopes
from harness.clients import CODECS
from harness.waiting import until

codecs = pytest.mark.parametrize("codec", CODECS)
PROTOCOL = {"json": "sluice.v2.json", "protobuf": "sluice.v2"}


def unpacked(message, codec):
    """The pushes of a cmd 14, or the push itself."""
    if message.cmd != envelopes.PUSHES:
        return [message]
    assert message.is_push and message.seq == 0
    if codec == "json":
        assert len(message.data) > 1, "one push leaves as itself"
        return [envelopes.decode(json.dumps(one)) for one in message.data]
    pushes = envelopes.classes()["Pushes"].FromString(message.raw.payload).pushes
    assert len(pushes) > 1, "one push leaves as itself"
    return [envelopes.decode(one.SerializeToString()) for one in pushes]


def second(here, transport, codec, user):
    if transport == "websocket":
        return here.connect(user, codec, subprotocols=[PROTOCOL[codec]])
    client = here.tcp(codec=codec)
    client.auth = client.request(envelopes.AUTH, {"token": here.token(user)}, version=2)
    assert client.auth.status == 0
    return client


@codecs
@pytest.mark.parametrize("transport", ["websocket", "tcp"])
def test_version_2_gets_the_pushes_of_a_turn_together_and_loses_none(gateway, transport, codec):
    here = gateway()
    new = second(here, transport, codec, "bob")
    old = here.connect("bob", codec)
    assert here.metric("sluice_clients", version="v2") == 1
    assert here.metric("sluice_clients", version="v1") == 1
    alice = here.tcp("alice")
    count, together = 0, 0
    # Which of them come in one turn is chance: send until some did.
    while not together and count < 4_000:
        for number in range(count, count + 200):
            alice.send(envelopes.SEND, {"to": "bob", "text": str(number)})
        got = []
        while len(got) < 200:
            message = new.receive()
            parts = unpacked(message, codec)
            together += len(parts) > 1
            got += [one for one in parts if one.cmd == envelopes.DELIVER]
        assert [int(one.data["text"]) for one in got] == list(range(count, count + 200))
        numbers = [one.seq for one in got]
        assert numbers == list(range(numbers[0], numbers[0] + 200)), "no number is left out"
        for number in range(count, count + 200):
            assert old.push(envelopes.DELIVER).data["text"] == str(number)
        count += 200
    assert together, "no two pushes ever came together"
    new.close()
    until(lambda: here.metric("sluice_clients", version="v2") == 0)
    assert here.metric("sluice_clients", version="v1") == 2


@codecs
@pytest.mark.parametrize("version", [3, 99, 2**32 - 1])
def test_an_unknown_version_in_the_first_envelope_is_refused_with_the_list(gateway, codec, version):
    here = gateway()
    for client in (here.tcp(codec=codec), here.stranger(codec, subprotocols=[])):
        answer = client.request(envelopes.AUTH, {"token": here.token("alice")}, version=version)
        assert answer.refusal["name"] == "unsupported_version"
        assert "1, 2" in answer.refusal["message"]
        code, reason = client.closed()
        assert code == 4506 and "1, 2" in reason
    # The same in the sub-protocol is a 400.
    status, _, body = here.curl(
        "/ws", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket", "-H", "Sec-WebSocket-Version: 13",
        "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "-H", f"Sec-WebSocket-Protocol: sluice.v{version}")
    problem = json.loads(body)
    assert status == 400 and problem["name"] == "unsupported_version"
    assert "sluice.v1.json, sluice.v2, sluice.v2.json" in problem["detail"]


def test_a_client_offers_what_it_speaks_and_the_gateway_takes_its_first(gateway):
    here = gateway()
    for offered, chosen in [
            (["sluice.v3.json", "sluice.v2.json", "sluice.v1.json"], "sluice.v2.json"),
            (["sluice.v1.json", "sluice.v2.json"], "sluice.v1.json")]:
        client = here.connect("alice", subprotocols=offered)
        assert client.subprotocol == chosen
        assert client.echo().status == 0


def test_a_settled_version_is_not_raised_later(gateway):
    here = gateway()
    client = here.tcp("alice")
    assert client.echo(version=1).status == 0
    assert client.request(envelopes.ECHO, 1, version=2).refusal["name"] == "unsupported_version"
    assert client.closed()[0] == 4506
