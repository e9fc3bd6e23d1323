"""Services on gRPC links: calls, statuses, deadlines, pushes, and servers that stop, die or are none."""
import itertools
import re
import socket
import sys
import threading

import grpc
import pytest
from harness.certificates import Authority
from harness.grpc_backend import GRPCBackend, echo, messages
from harness.load import Load
from harness.processes import ROOT, Process, PythonService
from harness.waiting import free_port, until

USERS = [f"user{n}" for n in range(20)]
STATUS = grpc.StatusCode


@pytest.fixture
def linked(gateway, services):
    """make(backends or ports, service keys): a gateway whose `message` service is theirs, by gRPC."""
    made = []

    def make(*backends, settings=None, wait=True, **more):
        ports = [one if isinstance(one, int) else one.port for one in backends]
        made.extend(one for one in backends if not isinstance(one, int))

        def config(it):
            listed = [dict(one) for one in it.config["services"]]
            for one in listed:
                if one["name"] == "message":
                    one.update({"link": "grpc", "instances": [f"127.0.0.1:{port}" for port in ports]})
                    one.update(settings or {})
            return {"services": listed}
        return gateway(config=config, wait_for_services=wait, **more)

    yield make
    for one in made:
        one.stop()


def upstreams(here):
    return {one["instance"]: one for one in here.json("/v1/upstreams")["instances"] if one["service"] == "message"}


def test_a_call_carries_who_asks_what_and_until_when(linked):
    service = GRPCBackend()
    here = linked(service)
    client = here.connect("alice")
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    reply = client.request(100, {"x": 1}, topic="room-7", trace=trace, key="once")
    assert reply.status == 0 and reply.data == {"x": 1}
    call, metadata = service.calls[-1], service.metadata[-1]
    assert (call.cmd, call.command, call.user_id, call.topic, call.key) == (100, "echo", "alice", "room-7", "once")
    assert call.client == "127.0.0.1" and call.session and call.seq > 0 and call.format == 1
    assert 0 < call.deadline_ms <= 5_000
    assert call.trace == metadata["traceparent"] == trace
    until(lambda: [one.version for one in service.hellos] == [1, 1], 10, "one connection of each loop")


def test_a_service_s_own_status_passes_and_a_forged_one_does_not(linked):
    statuses = iter([1404, 429, 0])
    here = linked(GRPCBackend(lambda call, _: messages.CallReply(status=next(statuses), payload=b'"x"', format=1)),
                  commands={"echo": {"retry_safe": False}})
    client = here.connect("alice")
    assert [client.echo().status for _ in range(3)] == [1404, 502, 0]


@pytest.mark.parametrize("code, status", [
    (STATUS.DEADLINE_EXCEEDED, 504), (STATUS.UNAVAILABLE, 503), (STATUS.RESOURCE_EXHAUSTED, 503),
    (STATUS.CANCELLED, 502), (STATUS.INTERNAL, 502), (STATUS.UNKNOWN, 502), (STATUS.UNIMPLEMENTED, 502)])
def test_a_grpc_status_becomes_a_refusal(linked, code, status):
    here = linked(GRPCBackend(lambda call, context: context.abort(code, "so it is")))
    assert here.connect("alice").echo().status == status


def test_unavailable_is_asked_of_another_instance_where_that_is_safe(linked):
    ill = GRPCBackend(lambda call, context: context.abort(STATUS.UNAVAILABLE, "not now"))
    here = linked(ill, GRPCBackend(), commands={"echo": {"ordered": False, "retry_safe": True}})
    client = here.connect("alice")
    assert {client.echo().status for _ in range(8)} == {0}
    assert ill.calls, "it was asked, and another one after it"
    assert here.metric("sluice_upstream_retries_total", service="message", reason="bad_answer") == len(ill.calls)


def test_after_the_deadline_the_client_knows_and_the_service_may_stop(linked):
    ended = threading.Event()

    def never(call, context):
        context.add_callback(ended.set)
        ended.wait(10)
        return echo(call, context)
    here = linked(GRPCBackend(never), commands={"echo": {"timeout": "2s", "retry_safe": False}})
    assert here.connect("alice").echo().status == 504
    assert ended.wait(5), "the stream was reset"
    assert upstreams(here), "the link still stands"


def test_when_the_client_goes_the_call_is_cancelled(linked):
    begun, ended = threading.Event(), threading.Event()

    def never(call, context):
        context.add_callback(ended.set)
        begun.set()
        ended.wait(60)
        return echo(call, context)
    here = linked(GRPCBackend(never), commands={"echo": {"timeout": "60s"}})
    client = here.connect("alice")
    client.send(100, "x", seq=1)
    assert begun.wait(20)
    client.close()
    assert ended.wait(20), "well before the deadline of 60 s"
    assert here.metric("sluice_upstream_requests_total", service="message", outcome="cancelled") == 1


def test_pushes_come_over_attach_and_are_answered(linked):
    service = GRPCBackend()
    here = linked(service, loops=1)
    bob = here.connect("bob")
    until(lambda: service.streams)
    service.push(1003, b'{"text":"hi"}', number=7, users=["bob"])
    assert bob.push(1003).data == {"text": "hi"}
    result = until(lambda: service.results)[0]
    assert (result.id, result.delivered, result.offline, result.status) == (7, 1, 0, 0)
    service.push(1003, b"{}", number=8, users=["nobody"])
    assert until(lambda: service.results[1:])[0].offline == 1
    for _ in range(500):
        service.push(1003, b'"' + b"x" * 5_000 + b'"', all=True)
        assert len(bob.push(1003).data) == 5_000, "2.5 MB: more than the connection's window"


def test_a_service_without_attach_answers_calls(linked):
    service = GRPCBackend(has_attach=False)
    here = linked(service)
    assert here.connect("alice").echo().status == 0


def test_an_attach_that_ends_is_opened_again(linked):
    service = GRPCBackend()
    here = linked(service, loops=1, settings={"backoff": {"min": "20ms", "max": "100ms"}})
    first = until(lambda: service.streams)[0]
    first.put(None)
    until(lambda: service.streams and service.streams[0] is not first)
    bob = here.connect("bob")
    service.push(1003, b'"again"', users=["bob"])
    assert bob.push(1003).data == "again"


def test_ordered_calls_of_a_session_go_one_after_the_other(linked):
    under_way, most, order, another = [0], [], [], threading.Event()

    def note(call, context):
        under_way[0] += 1
        most.append(under_way[0])
        order.append(call.seq)
        another.set() if under_way[0] > 1 else another.wait(0.005)
        under_way[0] -= 1
        return echo(call, context)
    here = linked(GRPCBackend(note), loops=1, commands={"echo": {"ordered": True}})
    client = here.connect("alice")
    for seq in range(1, 41):
        client.send(100, seq, seq=seq)
    assert [client.reply(seq).data for seq in range(1, 41)] == list(range(1, 41))
    assert order == list(range(1, 41)) and max(most) == 1


def test_large_payloads_pass_both_ways_and_calls_beside_them(linked):
    service = GRPCBackend()
    sizes = {"max_frame_bytes": 3_000_000, "max_link_frame_bytes": 4_194_304, "max_outbox_bytes": 20_000_000}
    here = linked(service, limits=sizes, commands={"echo": {"max_bytes": 2_500_000, "ordered": False}}, loops=1)
    client = here.connect("alice", "protobuf")
    payloads = {seq: bytes([seq]) * (2_000_000 if seq % 2 else 20) for seq in range(1, 9)}
    for seq, payload in payloads.items():
        client.send(100, seq=seq, payload=payload)
    for seq, payload in payloads.items():
        reply = client.reply(seq, timeout=30)
        assert reply.status == 0 and reply.data == payload


def test_an_answer_over_the_limit_is_none(linked):
    service = GRPCBackend(lambda call, _: messages.CallReply(payload=b"x" * 200_000))
    here = linked(service, limits={"max_link_frame_bytes": 131_072}, commands={"echo": {"retry_safe": False}})
    assert here.connect("alice").echo().status == 502
    assert here.metric("sluice_limit_exceeded_total", limit="max_link_frame_bytes") == 1


def test_calls_beyond_what_the_peer_allows_at_a_time_wait(linked):
    service = GRPCBackend(options=[("grpc.max_concurrent_streams", 4)])
    here = linked(service, loops=1)
    load = Load(here, USERS, depth=4)
    try:
        until(lambda: load.outcome.answered > 500, 20)
    finally:
        outcome = load.finish()
    assert set(outcome.replies) == {0}, outcome.replies


@pytest.fixture
def pair(tmp_path, started):
    return [started(PythonService("grpc_service.py", tmp_path, port=free_port())) for _ in range(2)]


def test_when_an_instance_is_killed_no_client_of_a_retry_safe_command_sees_an_error(linked, pair):
    here = linked(*(one.port for one in pair), commands={"echo": {"ordered": False, "retry_safe": True}})
    load = Load(here, USERS)
    try:
        until(lambda: load.outcome.answered > 1_000, 20)
        pair[0].kill()
        until(lambda: upstreams(here)[f"127.0.0.1:{pair[0].port}"]["state"] == "down", 10)
        answered = load.outcome.answered
        until(lambda: load.outcome.answered > answered + 1_000, 20)
    finally:
        outcome = load.finish()
    assert set(outcome.replies) == {0} and not outcome.closed, (outcome.replies, outcome.closed)


def test_when_servers_stop_gracefully_no_client_of_a_retry_safe_command_sees_an_error(linked, pair, tmp_path, started):
    here = linked(*(one.port for one in pair), commands={"echo": {"ordered": False, "retry_safe": True}})
    load = Load(here, USERS)
    try:
        for old in pair:
            answered = load.outcome.answered
            until(lambda: load.outcome.answered > answered + 500, 20)
            assert old.stop() == 0
            until(lambda: upstreams(here)[f"127.0.0.1:{old.port}"]["connected_loops"] == 0, 10)
            started(PythonService("grpc_service.py", tmp_path, port=old.port))
            until(lambda: upstreams(here)[f"127.0.0.1:{old.port}"]["connected_loops"] == 2, 10)
    finally:
        outcome = load.finish()
    assert set(outcome.replies) == {0} and not outcome.closed, (outcome.replies, outcome.closed)
    told = [one["MESSAGE"] for one in here.journal("SLUICE_EVENT=upstream")]
    assert any(one.startswith("the link") or "goaway" in one for one in told), told


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "certificates")


def credentials(authority, pair):
    return grpc.ssl_server_credentials(
        [(pair.key.read_bytes(), pair.certificate.read_bytes())], authority.certificate.read_bytes(), True)


def test_tls_with_certificates_on_both_sides(linked, authority):
    client = authority.issue("gateway", ["DNS:gateway.internal"], client=True)
    service = GRPCBackend(credentials=credentials(authority, authority.issue("service", ["DNS:message.internal"])))
    tls = {"ca": str(authority.certificate), "server_name": "message.internal", **client.listed}
    here = linked(service, settings={"tls": tls})
    assert here.connect("alice").echo().status == 0


PAGE = (ROOT / "docs/grpc-link.md").read_text()


def test_the_service_of_the_page_runs_and_pushes(linked, tmp_path, started):
    program = re.search(r"```python\n(.*?)```", PAGE, re.S)[1]
    port = free_port()
    (tmp_path / "service.py").write_text(program.replace("127.0.0.1:9301", f"127.0.0.1:{port}"))
    (tmp_path / "backend.proto").write_text((ROOT / "Examples/python_service/backend.proto").read_text())
    here = linked(port, wait=False, loops=1)
    bob = here.connect("bob")
    service = started(Process("service", [sys.executable, "service.py"], tmp_path))
    assert bob.push(1003, timeout=20).data == "a service is here"
    assert bob.echo("hi").data == "hi"
    assert "bob asks echo" in service.output()


def peer(handle):
    """A TCP server that is no gRPC server."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            try:
                taken = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=handle, args=[taken], daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    return listener


def hold(taken):
    """Until the gateway closes."""
    while taken.recv(65536):
        pass


def make_noise(taken):
    taken.sendall(bytes(itertools.islice(NOISE, 4_096)))
    hold(taken)


def speak_http1(taken):
    taken.recv(65536)
    taken.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")


NOISE = itertools.cycle(b"\xde\xad\xbe\xef")


@pytest.mark.parametrize("handle, why", [
    (speak_http1, "protocol_error"),
    (make_noise, "protocol_error"),
    (hold, "no_hello"),
    (lambda taken: taken.close(), "no_hello"),
], ids=["HTTP/1", "noise", "silence", "closes"])
def test_a_peer_that_is_no_grpc_server_is_told_apart(linked, handle, why):
    listener = peer(handle)
    here = linked(listener.getsockname()[1], wait=False, settings={"connect_timeout": "500ms" if handle is hold else "10s"})
    told = until(lambda: [one["MESSAGE"] for one in here.journal("SLUICE_SERVICE=message")
                          if " is down: " in one["MESSAGE"]], 10)[0]
    assert re.search(rf"is down: {why}\b", told), told
    assert here.connect("alice").echo().status == 503
    listener.close()
