"""The TCP port: the same messages as on a WebSocket, behind four bytes of length."""
import json
import random
import socket
import struct

import pytest
from harness import envelopes
from harness.clients import CODECS, Closed
from harness.gateway import limit, policy
from harness.waiting import until

codecs = pytest.mark.parametrize("codec", CODECS)


@codecs
def test_a_client_logs_in_talks_and_hears(gateway, codec):
    here = gateway()
    alice = here.tcp(codec=codec)
    token = alice.log_in("alice", "wonderland").data["token"]
    here.secrets.add(token)
    assert alice.authenticate(token).data["user"] == "alice"
    bob = here.connect("bob")
    bob.request(envelopes.SEND, {"to": "alice", "text": "hi"})
    assert alice.push(envelopes.DELIVER).data["text"] == "hi"
    assert alice.echo({"n": 1}).data == {"n": 1}
    assert here.metric("sluice_connections", transport="tcp") == 1
    assert here.metric("sluice_requests_total", transport="tcp", action="echo", outcome="ok") == 1
    entries = until(lambda: here.journal("SLUICE_ACTION=echo"))
    assert {entry["SLUICE_TRANSPORT"] for entry in entries} == {"tcp"}
    assert {entry["SLUICE_CLIENT"] for entry in entries} == {"127.0.0.1"}


@codecs
def test_any_cut_of_the_stream_gives_the_same_answers(gateway, codec):
    here = gateway()
    client = here.tcp("alice", codec)
    seed = random.randrange(1 << 30)
    cuts = random.Random(seed)
    numbers = list(range(2, 42))
    stream = b"".join(
        client.framed(envelopes.encode(codec, envelopes.ECHO, "x" * cuts.randrange(200), seq=number))
        for number in numbers)
    while stream:
        count = cuts.randrange(1, 90)
        client.send_bytes(stream[:count])
        stream = stream[count:]
    answers = [client.receive() for _ in numbers]
    assert sorted(answer.seq for answer in answers) == numbers, f"seed {seed}"
    assert {answer.status for answer in answers} == {0}, f"seed {seed}"


@codecs
def test_the_policy_holds_on_tcp_too(gateway, codec):
    here = gateway(rules=policy(limit("few", 3, "60s")))
    client = here.tcp("alice", codec)
    answers = [client.echo() for _ in range(5)]
    assert [answer.status for answer in answers] == [0, 0, 0, 429, 429]
    assert answers[3].refusal["rule"] == "few"


@codecs
@pytest.mark.parametrize("bytes_, code", [
    (struct.pack("!I", 65537) + b"x", 1009), (b"GET / HTTP/1.1\r\n\r\n", 1009),
    (struct.pack("!I", 3) + b"\xff\xff\xff", 4501), (struct.pack("!I", 3) + b"{ab", 4501)])
def test_what_cannot_be_read_ends_with_cmd_13_then_fin(gateway, codec, bytes_, code):
    here = gateway()
    client = here.tcp("alice", codec)
    # More than a read's worth after it: the farewell must not be lost to a reset.
    client.send_bytes(bytes_ + b"y" * 200_000)
    assert client.closed()[0] == code
    client.close()
    until(lambda: here.metric("sluice_connections", transport="tcp") == 0)


def test_a_bad_token_is_refused_and_closed_with_4500(gateway):
    here = gateway()
    client = here.tcp()
    answer = client.authenticate("no.such.token")
    assert answer.refusal["name"] == "unauthenticated"
    assert client.closed()[0] == 4500


def test_silence_without_a_token_ends_with_4500(gateway):
    here = gateway(limits={"authentication_timeout": "1s"})
    client = here.tcp()
    assert client.closed()[0] == 4500


def test_pings_go_both_ways_and_two_misses_end_with_4002(gateway):
    here = gateway(limits={"heartbeat_interval": "2s"})
    lively, dead = here.tcp("alice"), here.tcp("bob", answers_pings=False)

    def pings():
        # Nothing comes but presence and pings, each of which is answered.
        with pytest.raises(TimeoutError):
            while lively.receive(timeout=0.2).cmd == envelopes.PRESENCE:
                pass
        return lively.pings
    # More than may be missed: without its answers it would be gone.
    until(lambda: pings() >= 4, 60)
    assert lively.echo().status == 0
    assert dead.closed(10)[0] == 4002
    assert dead.pings == 2


def test_a_half_closed_client_gets_every_answer(gateway):
    here = gateway()
    client = here.tcp("alice")
    for number in range(2, 52):
        client.send(envelopes.ECHO, number, seq=number)
    client.end()
    answers = [client.receive() for _ in range(50)]
    assert {answer.data for answer in answers} == set(range(2, 52))
    assert client.closed() == (1000, "closed by the client")


def test_a_port_scan_leaves_no_entry(gateway):
    here = gateway()
    before = len(here.journal())
    opened = here.metric("sluice_connections_opened_total", transport="tcp")
    for reset in (False, True):
        for _ in range(20):
            scan = socket.create_connection(("127.0.0.1", here.tcp_port))
            if reset:
                scan.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            scan.close()
    until(lambda: here.metric("sluice_connections_opened_total", transport="tcp") == opened + 40
          and here.metric("sluice_connections", transport="tcp") == 0)
    here.tcp("alice").echo()
    until(lambda: here.journal("SLUICE_ACTION=echo"))
    closes = [entry for entry in here.journal()[before:] if entry.get("SLUICE_EVENT") == "close"]
    assert closes == []


def test_a_reader_that_does_not_read_is_closed_and_costs_no_memory(gateway):
    here = gateway(limits={"max_outbox_bytes": "256KiB"})
    slow = here.tcp("bob", receive_buffer=4096)
    alice = here.tcp("alice")
    memory = here.memory_bytes()

    def closed():
        for _ in range(50):
            alice.request(envelopes.SEND, {"to": "bob", "text": "x" * 8000})
        return here.metric("sluice_connections_closed_total", transport="tcp", reason="slow_consumer")
    until(closed, 20)
    assert here.memory_bytes() - memory < 64 << 20
    slow.close()


def test_a_drain_says_goaway_then_closes_with_4000(gateway):
    here = gateway(drain="2s")
    client = here.tcp("alice")
    here.signal(15)
    assert client.push(envelopes.GOAWAY).data["reason"] == "drain"
    assert client.closed()[0] == 4000
    assert here.wait(15) == 0


def test_one_connection_with_a_thousand_requests_in_one_write(gateway):
    here = gateway()
    client = here.tcp("alice")
    client.send_bytes(b"".join(
        client.framed(json.dumps({"cmd": 100, "seq": number, "data": number})) for number in range(1000)))
    # seq 0 asks for no answer.
    assert sorted(client.receive().seq for _ in range(999)) == list(range(1, 1000))


def test_the_gateway_outlives_garbage(gateway):
    here = gateway()
    seed = random.randrange(1 << 30)
    noise = random.Random(seed)
    for _ in range(60):
        client = here.tcp()
        try:
            client.send_bytes(noise.randbytes(noise.randrange(1, 3000)))
            client.end()
            client.closed(5)
        except (OSError, Closed):
            pass
        client.close()
    assert here.tcp("alice").echo().status == 0, f"seed {seed}"
