"""The gRPC link against servers that use HTTP/2 to its edges: GOAWAY, refused streams, windows, half answers."""
import signal
import socket
import ssl
import threading
import time

import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from harness.certificates import Authority
from harness.grpc_backend import GRPCBackend
from harness.h2_peer import Connection, H2Peer, framed, messages
from harness.h2_services import misbehave
from harness.processes import PythonService
from harness.waiting import free_port, until

NOT_SAFE = {"echo": {"ordered": False, "retry_safe": False}}


@pytest.fixture
def linked(gateway):
    """make(peers, service keys): a gateway of one loop whose `message` service is theirs, by gRPC."""
    made = []

    def make(*peers, settings=None, wait=True, **more):
        made.extend(peers)

        def config(it):
            listed = [dict(one) for one in it.config["services"]]
            for one in listed:
                if one["name"] == "message":
                    one.update({"link": "grpc", "connect_timeout": "5s", "instances": [f"127.0.0.1:{peer.port}" for peer in peers]})
                    one.update(settings or {})
            return {"services": listed}
        more.setdefault("commands", NOT_SAFE)
        return gateway(config=config, wait_for_services=wait, loops=1, **more)

    yield make
    for one in made:
        one.stop()


def statuses(client, count):
    return [client.echo().status for _ in range(count)]


def test_calls_above_the_last_stream_of_a_goaway_are_asked_of_another_instance(linked):
    def leave(connection, stream, call):
        # The one before was the last that counts.
        connection.h2.close_connection(ErrorCodes.NO_ERROR, last_stream_id=stream - 2)
        connection.flush()
    leaving, other = H2Peer(leave), H2Peer()
    here = linked(leaving, other, settings={"balance": {"by": "round_robin"}})
    client = here.connect("alice")
    assert statuses(client, 6) == [0] * 6, "the command is not retry_safe, yet nobody had looked at it"
    assert leaving.calls, "it was asked"
    assert here.metric("sluice_upstream_retries_total", service="message", reason="unsent") == len(leaving.calls)
    told = until(lambda: [one["MESSAGE"] for one in here.journal("SLUICE_SERVICE=message") if "goaway" in one["MESSAGE"]])
    assert told


def test_what_is_under_way_at_a_goaway_is_answered(linked):
    held = []

    def leave(connection, stream, call):
        held.append((connection, stream, call))
        if len(held) == 3:
            connection.socket.sendall(b"\x00\x00\x08\x07\x00" + bytes(4)
                                      + max(one[1] for one in held).to_bytes(4, "big") + bytes(4))
            for one in held:
                Connection.echo(*one)
    here = linked(H2Peer(leave))
    client = here.connect("alice")
    for seq in (1, 2, 3):
        client.send(100, seq, seq=seq)
    got = {client.reply(seq).status for seq in (1, 2, 3)}
    assert got == {0}


def test_a_refused_stream_is_asked_again_of_the_same_instance_when_another_has_ended(linked):
    first = []

    def refuse_the_second(connection, stream, call):
        first.append((stream, call))
        if len(first) == 2:
            connection.h2.reset_stream(stream, ErrorCodes.REFUSED_STREAM)
            connection.echo(*first[0])
        elif len(first) == 3:
            connection.echo(stream, call)
    peer = H2Peer(refuse_the_second)
    here = linked(peer)
    client = here.connect("alice")
    client.send(100, "a", seq=1)
    client.send(100, "b", seq=2)
    assert [client.reply(seq).data for seq in (1, 2)] == ["a", "b"]
    first, second, third = (call.seq for call in peer.calls)
    assert first != second == third


@pytest.mark.parametrize("window", [1, 1_000])
def test_a_small_window_holds_back_a_large_call_and_no_small_one_breaks(linked, window):
    peer = H2Peer(settings={SettingCodes.INITIAL_WINDOW_SIZE: window})
    here = linked(peer, commands={"echo": {"ordered": False, "retry_safe": False, "timeout": "30s"}})
    client = here.connect("alice", "protobuf")
    size = 200 if window == 1 else 60_000
    for seq in range(1, 9):
        client.send(100, seq=seq, payload=bytes([seq]) * size)
    for seq in range(1, 9):
        reply = client.reply(seq, timeout=20)
        assert reply.status == 0 and reply.data == bytes([seq]) * size


def test_a_peer_that_gives_no_room_makes_calls_wait_then_overloaded(linked):
    peer = H2Peer(gives_room=lambda: False)
    here = linked(peer, limits={"max_link_queue_bytes": 65_536, "link_pause_bytes": 65_536},
                  commands={"echo": {"ordered": False, "retry_safe": False, "timeout": "4s"}})
    client = here.connect("alice", "protobuf")
    for seq in range(1, 9):
        client.send(100, seq=seq, payload=bytes(40_000))
    got = [client.reply(seq, timeout=20) for seq in range(1, 9)]
    assert got[0].status == 0, "the first fits the peer's window of 65,535"
    assert {one.status for one in got[1:]} == {503, 504}, "those that wait run out of time, those beyond are refused"
    assert here.metric("sluice_limit_exceeded_total", limit="max_link_queue_bytes") > 0


def test_more_streams_than_the_peer_allows_are_never_opened(linked):
    open_streams, most = set(), []

    def count(connection, stream, call):
        open_streams.add(stream)
        most.append(len(open_streams))
        if len(open_streams) == 3 or len(peer.calls) == 30:
            for one in sorted(open_streams):
                connection.echo(one, call)
            open_streams.clear()
    peer = H2Peer(count, settings={SettingCodes.MAX_CONCURRENT_STREAMS: 4})
    here = linked(peer)
    client = here.connect("alice")
    for seq in range(1, 31):
        client.send(100, "x", seq=seq)
    assert {client.reply(seq).status for seq in range(1, 31)} == {0}
    assert max(most) == 3, "Attach is the fourth"


def test_a_trace_that_is_none_costs_nobody_else_an_answer(linked):
    """It would be a head that no frame holds; in the message there is room for it."""
    def hold_the_first(connection, stream, call):
        if len(peer.calls) == 1:
            held.append((connection, stream, call))
        else:
            connection.echo(stream, call)
    held = []
    peer = H2Peer(hold_the_first)
    here = linked(peer)
    bob = here.connect("bob")
    bob.send(100, "hold", seq=1)
    until(lambda: held, 5)
    assert here.connect("alice").request(100, "x", trace="t" * 40_000).status == 0
    assert peer.calls[-1].trace == "t" * 40_000
    with held[0][0].lock:
        Connection.echo(*held[0])
        held[0][0].flush()
    assert bob.reply(1).status == 0
    assert len(peer.connections) == 1


HALF = framed(messages.CallReply(payload=b"half"))
BROKEN = ["no status", "two lengths", "too short", "too long", "a field of HTTP/1", "a name in capitals",
          "a value of two lines"]


@pytest.mark.parametrize("answer", [
    lambda c, s: c.reply(s, b""),
    lambda c, s: c.reply(s, HALF[:-1]),
    lambda c, s: c.reply(s, HALF + HALF),
    lambda c, s: c.reply(s, b"\x01" + HALF[1:]),
    lambda c, s: c.reply(s, HALF, status="nonsense"),
    lambda c, s: c.h2.send_headers(s, [(":status", "200")], end_stream=True),
    lambda c, s: c.h2.reset_stream(s, ErrorCodes.INTERNAL_ERROR),
    *(lambda c, s, case=case: misbehave(c, s, case) for case in BROKEN),
], ids=["no message", "half a message", "two messages", "compressed", "no status", "no trailers", "reset", *BROKEN])
def test_what_is_no_answer_is_bad_and_the_link_stands(linked, answer):
    def now_and_then(connection, stream, call):
        if len(peer.calls) % 2:
            answer(connection, stream)
        else:
            connection.echo(stream, call)
    peer = H2Peer(now_and_then)
    here = linked(peer)
    assert statuses(here.connect("alice"), 4) == [502, 0, 502, 0]
    assert len(peer.connections) == 1


def test_http_statuses_of_a_proxy_are_told_apart(linked):
    told = iter(["503", "429", "404", "302"])

    def proxy(connection, stream, call):
        connection.h2.send_headers(stream, [(":status", next(told)), ("content-type", "text/html")])
        connection.h2.send_data(stream, b"<html>", end_stream=True)
    here = linked(H2Peer(proxy))
    assert statuses(here.connect("alice"), 4) == [503, 503, 502, 502]


def test_a_peer_that_hangs_with_calls_under_way_is_found_by_its_silence(gateway, services, tmp_path, started):
    service = started(PythonService("grpc_service.py", tmp_path, port=free_port()))

    def config(it):
        listed = [dict(one) for one in it.config["services"]]
        listed[1].update({"link": "grpc", "instances": [f"127.0.0.1:{service.port}"]})
        return {"services": listed}
    here = gateway(config=config, loops=1, limits={"heartbeat_interval": "1s", "heartbeat_misses": 4},
                   commands={"echo": {"timeout": "30s", "retry_safe": False}})
    assert next(one for one in here.config["services"] if one["link"] == "grpc")["name"] == "message"
    client = here.connect("alice")
    assert client.echo().status == 0
    service.signal(signal.SIGSTOP)
    began = time.monotonic()
    try:
        assert client.echo(timeout=60).status == 503
        assert time.monotonic() - began < 25, "not the 30 s of the command"
        told = until(lambda: [one["MESSAGE"] for one in here.journal("SLUICE_SERVICE=message") if " is down" in one["MESSAGE"]])
        assert "no_heartbeat" in told[0], told
    finally:
        service.signal(signal.SIGCONT)
    until(lambda: client.echo().status == 0, 10, "it is back")


class TLSListener:
    """Makes the handshake and waits."""

    def __init__(self, context):
        self.listener, self.context = socket.create_server(("127.0.0.1", 0)), context
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                self.context.wrap_socket(self.listener.accept()[0], server_side=True).recv(65536)
            except ssl.SSLError:
                continue
            except OSError:
                return

    def stop(self):
        self.listener.close()


@pytest.mark.parametrize("protocols", [["http/1.1"], None])
def test_a_tls_peer_without_h2_is_told(linked, tmp_path, protocols):
    authority = Authority(tmp_path / "certificates")
    context = authority.server_context(authority.issue("service", ["IP:127.0.0.1"]))
    if protocols:
        context.set_alpn_protocols(protocols)
    here = linked(TLSListener(context), wait=False, settings={"tls": {"ca": str(authority.certificate)}})
    told = until(lambda: [one["MESSAGE"] for one in here.journal("SLUICE_SERVICE=message") if " is down" in one["MESSAGE"]])
    assert "did not choose HTTP/2" in told[0], told


def test_a_service_changes_its_kind_of_link_by_a_reload(gateway, services):
    here = gateway()
    client = here.connect("alice")
    assert client.echo().status == 0
    service = GRPCBackend()
    for one in here.config["services"]:
        if one["name"] == "message":
            one.update({"link": "grpc", "instances": [f"127.0.0.1:{service.port}"]})
    here.rewrite_config()
    here.reload()
    until(lambda: client.echo().status == 0 and service.calls, 10)
    service.stop()
