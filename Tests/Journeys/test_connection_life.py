"""Heartbeats, deadlines, expiry, slow readers: how connections end, and that they say why."""
import time

import pytest
from harness import envelopes
from harness.clients import CODECS
from harness.waiting import until

BRISK = {"heartbeat_interval": "1s", "heartbeat_misses": 2}


def test_whoever_does_not_authenticate_is_closed(gateway):
    here = gateway(limits={"authentication_timeout": "300ms"})
    for codec in CODECS:
        began = time.monotonic()
        stranger = here.stranger(codec)
        code, reason = stranger.closed()
        assert code == 4500 and reason, (code, reason)
        assert time.monotonic() - began > 0.2, "closed before its time"
    member = here.connect()
    # Three times the limit of a stranger, in round trips.
    end = time.monotonic() + 0.9
    while time.monotonic() < end:
        assert member.echo().status == 0


def test_whoever_sends_no_request_is_cut(gateway):
    here = gateway(limits={"handshake_timeout": "300ms"})
    import socket
    silent = socket.create_connection(("127.0.0.1", here.port))
    silent.settimeout(10)
    silent.sendall(b"GET /ws HT")
    left = b"-"
    while left:
        try:
            left = silent.recv(4096)
        except ConnectionResetError:
            break
    until(lambda: here.metric("sluice_connections_closed_total", reason="handshake_timeout") == 1)


def test_the_gateway_pings_and_an_answer_keeps_the_connection(gateway):
    here = gateway(limits={"heartbeat_interval": "2s", "heartbeat_misses": 2})
    raw = here.raw("alice", subprotocol="sluice.v1.json")
    raw.frame()
    for _ in range(3):  # one more than may be missed
        opcode, payload = raw.frame(timeout=10)
        assert opcode == 9
        raw.send_frame(10, payload)
    raw.send_frame(1, b'{"cmd":100,"seq":1,"data":1}')
    opcode, _ = raw.frame()
    while opcode == 9:
        opcode, _ = raw.frame()
    assert opcode == 1
    raw.close()


def test_any_inbound_byte_counts_as_life(gateway):
    """A client that talks but never answers a ping is alive, and a busy one is not pinged."""
    here = gateway(limits=BRISK)
    raw = here.raw("alice", subprotocol="sluice.v1.json")
    raw.frame()
    last = time.monotonic()

    def talk(seconds):
        """The longest round trip of a talk, and the pings that came with it."""
        nonlocal last
        longest, pings, end = 0.0, 0, last + seconds
        while last < end:
            raw.send_frame(1, b'{"cmd":100,"seq":1,"data":1}')
            opcode = raw.frame()[0]
            while opcode == 9:
                pings += 1
                opcode = raw.frame()[0]
            assert opcode == 1
            now = time.monotonic()
            longest, last = max(longest, now - last), now
        return longest, pings
    # Who is kept from talking is pinged with right.
    longest, pings = until(
        lambda: (said := talk(2.5))[0] < 0.45 and said, 60, "a talk without a pause", every=0)
    assert pings == 0, longest
    raw.close()


def test_silence_is_pinged_and_then_closed_with_4002(gateway):
    here = gateway(limits=BRISK)
    raw = here.raw("alice", subprotocol="sluice.v1.json")
    raw.frame()
    pings = 0
    while (frame := raw.frame(timeout=5))[0] == 9:
        pings += 1
    assert frame[0] == 8 and int.from_bytes(frame[1][:2], "big") == 4002
    assert pings == 2, "two pings may be missed"
    raw.close()
    until(lambda: here.metric("sluice_connections_closed_total", reason="no_heartbeat") == 1)


@pytest.mark.parametrize("codec", CODECS)
def test_an_expired_token_closes_with_4003(gateway, codec):
    here = gateway()
    client = here.connect("alice", codec, claims={"expires_in": 5})
    assert client.echo().status == 0
    began = time.monotonic()
    code, reason = client.closed(20)
    assert code == 4003 and "refresh" in reason and time.monotonic() - began < 15


@pytest.mark.parametrize("codec", CODECS)
def test_a_fresh_token_on_the_live_connection_moves_its_end(gateway, codec):
    here = gateway()
    client = here.connect("alice", codec, claims={"expires_in": 5})
    renewed = here.token("alice", expires_in=600)
    reply = client.request(envelopes.REFRESH, {"token": renewed})
    assert reply.status == 0 and reply.data["expires_at"] > time.time() + 500, reply
    end = time.monotonic() + 6.5
    while time.monotonic() < end:  # past the first token's end
        assert client.echo().status == 0
    shorter = here.token("alice", expires_in=5)
    assert client.request(envelopes.REFRESH, {"token": shorter}).status == 0
    assert client.closed(20)[0] == 4003, "the newer, shorter token's end holds"


def test_a_refresh_with_a_bad_token_is_refused_and_with_another_users_closes(gateway):
    here = gateway()
    client = here.connect("alice")
    reply = client.request(envelopes.REFRESH, {"token": here.token("alice", expires_in=-10)})
    assert reply.status == 401 and reply.refusal["name"] == "token_expired"
    assert client.echo("still here").status == 0
    client.send(envelopes.REFRESH, {"token": here.token("bob")}, seq=77)
    assert client.closed()[0] == 4500


def test_a_slow_consumer_is_closed_with_4001_and_nobody_else_suffers(gateway):
    """bob stops reading while messages for him arrive: his outbox is bounded."""
    here = gateway(limits={"max_outbox_bytes": 65536})
    raw = here.raw("bob", subprotocol="sluice.v1.json", receive_buffer=4096)
    raw.frame()
    alice, carol = here.connect("alice", "protobuf"), here.connect("carol")
    text = "x" * 12_000

    def one_more():
        assert alice.request(envelopes.SEND, {"to": "bob", "text": text}).status == 0
        return here.metric("sluice_slow_consumers_total") == 1
    until(one_more, 60, "bob is closed as a slow consumer", every=0)
    assert carol.echo().status == 0
    until(lambda: here.metric("sluice_connections_closed_total", reason="slow_consumer") == 1)
    until(lambda: here.metric("sluice_outbound_queue_bytes") == 0, 20)
    raw.close()


def test_a_client_that_reads_nothing_is_not_read_either(gateway):
    """Requests whose replies pile up pause the reading: the gateway's memory stays where it was."""
    here = gateway(limits={"max_in_flight_per_connection": 8})
    client = here.connect("alice", "protobuf")
    for seq in range(1, 400):
        client.send(envelopes.ECHO, seq=seq, payload=b"y" * 500)
    replies = [client.receive() for _ in range(399)]
    assert [reply.seq for reply in replies] == list(range(1, 400))
    assert all(reply.status == 0 for reply in replies)


def test_a_connection_that_breaks_is_forgotten(gateway):
    here = gateway()
    raw = here.raw("alice", subprotocol="sluice.v1.json")
    raw.frame()
    bob = here.connect("bob")
    raw.close()  # no close frame
    until(lambda: here.metric("sluice_connections", transport="websocket") == 1)
    assert bob.request(envelopes.SEND, {"to": "alice", "text": "gone?"}).status == 0
    bob.close()
    here.check_empty()
