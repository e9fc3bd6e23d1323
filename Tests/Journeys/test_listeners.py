"""Where clients connect: Unix sockets, IPv6, many listeners at once, and what is said when all is taken."""
import json
import os
import signal
import socket
import stat

import pytest
from harness import envelopes
from harness.gateway import Gateway
from harness.tcp import StrictTCPClient
from harness.waiting import free_port, until


def with_listeners(gateway, *listeners, **more):
    http = free_port()
    made = gateway(config={
        "listeners": [{"name": "main", "address": "127.0.0.1", "port": http}, *listeners], **more.pop("config", {})},
        **more)
    return made


def asked(family, address, request=b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"):
    """A connection on which a request was sent."""
    bare = socket.socket(family)
    bare.settimeout(10)
    bare.connect(address)
    bare.sendall(request)
    return bare


def rest_of(bare):
    """What comes until the gateway closes."""
    with bare:
        answer = b""
        while data := bare.recv(65536):
            answer += data
    return answer


def get_over(path):
    return rest_of(asked(socket.AF_UNIX, str(path)))


def test_both_protocols_over_unix_sockets(gateway, tmp_path):
    web, tcp = tmp_path / "web.sock", tmp_path / "tcp.sock"
    here = with_listeners(
        gateway, {"name": "web", "address": f"unix:{web}", "mode": "0600"},
        {"name": "bare", "protocol": "tcp", "address": f"unix:{tcp}"})
    assert stat.S_IMODE(web.stat().st_mode) == 0o600
    assert stat.S_IMODE(tcp.stat().st_mode) == 0o660
    assert get_over(web).startswith(b"HTTP/1.1 404")
    # Connections are dealt out to all loops, and a push finds its way between them.
    clients = [here.tcp("bob", family=socket.AF_UNIX, address=str(tcp)) for _ in range(6)]
    for client in clients:
        assert client.echo().status == 0
    clients[0].request(envelopes.SEND, {"to": "bob", "text": "hi"})
    for client in clients:
        assert client.push(envelopes.DELIVER).data["text"] == "hi"
    entries = until(lambda: here.journal("SLUICE_ACTION=echo"))
    assert {entry["SLUICE_CLIENT"] for entry in entries} == {"unix"}
    here.finish()
    assert not web.exists() and not tcp.exists(), "removed at stop"


@pytest.mark.parametrize("family", [socket.AF_UNIX, socket.AF_INET6], ids=["unix", "ipv6"])
def test_a_drain_answers_those_whom_nobody_has_accepted_yet(gateway, tmp_path, family):
    if family == socket.AF_UNIX:
        address = str(tmp_path / "web.sock")
        listener = {"name": "web", "address": f"unix:{address}"}
    else:
        address = ("::1", free_port())
        listener = {"name": "web", "address": "::1", "port": address[1]}
    here = with_listeners(gateway, listener, drain="10s")
    here.signal(signal.SIGSTOP)
    try:
        waiting = [asked(family, address) for _ in range(300)]
        here.signal(signal.SIGTERM)
    finally:
        here.signal(signal.SIGCONT)
    assert {rest_of(bare).split(b"\r\n")[0] for bare in waiting} == {b"HTTP/1.1 404 Not Found"}
    assert here.wait(15) == 0


def test_a_socket_left_by_a_killed_gateway_is_taken_over(gateway, started, services, tmp_path):
    path = tmp_path / "s.sock"
    listener = {"name": "s", "protocol": "tcp", "address": f"unix:{path}"}
    folder = tmp_path / "first"
    folder.mkdir()
    first = started(Gateway(folder, services=services.port, journal="off", config={"listeners": [listener]})).started()
    first.signal(signal.SIGKILL)
    first.wait()
    assert path.exists()
    here = with_listeners(gateway, listener)
    assert here.tcp("alice", family=socket.AF_UNIX, address=str(path)).echo().status == 0


@pytest.mark.parametrize("kind", ["listener", "file"])
def test_a_path_in_use_is_an_error_and_left_alone(started, services, tmp_path, kind):
    path = tmp_path / "s.sock"
    if kind == "listener":
        other = socket.socket(socket.AF_UNIX)
        other.bind(str(path))
        other.listen()
    else:
        path.write_text("precious")
    folder = tmp_path / "g"
    folder.mkdir()
    here = started(Gateway(
        folder, services=services.port, journal="off",
        config={"listeners": [{"name": "s", "protocol": "tcp", "address": f"unix:{path}"}]}))
    assert here.wait(15) == 1
    words = "somebody listens there" if kind == "listener" else "this is no socket"
    assert f"cannot listen on unix:{path}" in here.errors() and words in here.errors()
    assert path.exists()
    if kind == "file":
        assert path.read_text() == "precious"


@pytest.mark.parametrize("address, port, words", [
    ("127.0.0.1", None, "Address already in use; is another gateway running? Choose another port for listener `s`"),
    ("192.0.2.1", 0, "Cannot assign requested address; choose an address of this machine for listener `s`")])
def test_why_nobody_can_listen_there(started, services, tmp_path, address, port, words):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1] if port is None else port
        here = started(Gateway(
            tmp_path, services=services.port, journal="off",
            config={"listeners": [{"name": "s", "address": address, "port": port}]}))
        assert here.wait(15) == 1
        assert f"cannot listen on {address}:{port}: {words}" in here.errors()


@pytest.fixture
def unix(tmp_path):
    """A listener, and its file."""
    path = tmp_path / "s.sock"
    return [{"name": "s", "address": f"unix:{path}"}], path


def test_a_pid_file_that_cannot_be_written_is_an_error(started, services, tmp_path, unix):
    listeners, path = unix
    full = tmp_path / "full.pid"
    full.symlink_to("/dev/full")
    here = started(Gateway(
        tmp_path, services=services.port, journal="off", config={"pid_file": str(full), "listeners": listeners}))
    assert here.wait(15) == 1
    assert f"cannot write pid_file {full}: No space left on device" in here.errors()
    assert not path.exists(), "nothing of a start that failed stays"


def test_an_admin_port_that_is_taken_is_an_error(started, services, tmp_path, unix):
    listeners, path = unix
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        here = started(Gateway(
            tmp_path, services=services.port, journal="off", config={"listeners": listeners}, admin={"port": port}))
        assert here.wait(15) == 1
        assert f"cannot listen on admin 127.0.0.1:{port}: Address already in use" in here.errors()
    assert not path.exists()


def test_a_socket_somebody_else_put_there_is_not_removed(gateway, tmp_path):
    path = tmp_path / "s.sock"
    here = with_listeners(gateway, {"name": "s", "protocol": "tcp", "address": f"unix:{path}"})
    path.unlink()
    other = socket.socket(socket.AF_UNIX)
    other.bind(str(path))
    here.finish()
    assert path.exists()


def test_a_dual_stack_listener_names_ipv4_clients_by_their_ipv4_address(gateway):
    port = free_port()
    here = with_listeners(gateway, {"name": "any", "protocol": "tcp", "address": "::", "port": port})
    four = here.tcp("alice", address=("127.0.0.1", port))
    six = here.tcp("alice", family=socket.AF_INET6, address=("::1", port))
    assert four.echo().status == 0 and six.echo().status == 0
    entries = until(lambda: (found := here.journal("SLUICE_ACTION=echo")) and len(found) == 2 and found)
    assert {entry["SLUICE_CLIENT"] for entry in entries} == {"127.0.0.1", "::1"}


def test_only_one_address_of_ipv6(gateway):
    port = free_port()
    here = with_listeners(gateway, {"name": "six", "protocol": "tcp", "address": "::1", "port": port})
    assert here.tcp("alice", family=socket.AF_INET6, address=("::1", port)).echo().status == 0
    with pytest.raises(ConnectionRefusedError):
        StrictTCPClient(("127.0.0.1", port))
    until(lambda: f"[::1]:{port}" in here.errors())


def test_a_link_local_address_names_its_interface(gateway):
    lines = [line.split() for line in open("/proc/net/if_inet6")] if os.path.exists("/proc/net/if_inet6") else []
    local = [(line[0], line[5]) for line in lines if line[3] == "20"]
    if not local:
        pytest.skip("no interface here has a link-local address")
    digits, interface = local[0]
    address = ":".join(digits[at:at + 4] for at in range(0, 32, 4))
    port = free_port()
    here = with_listeners(
        gateway, {"name": "link", "protocol": "tcp", "address": f"{address}%{interface}", "port": port})
    scope = socket.if_nametoindex(interface)
    assert here.tcp("alice", family=socket.AF_INET6, address=(address, port, 0, scope)).echo().status == 0


def test_the_proxy_word_for_unix_sockets(gateway, tmp_path):
    path = tmp_path / "s.sock"
    listener = {"name": "s", "protocol": "tcp", "address": f"unix:{path}", "proxy_protocol": True}
    here = with_listeners(gateway, listener, config={"trusted_proxies": ["unix"]})
    first = b"PROXY TCP4 192.0.2.7 10.0.0.1 1 2\r\n"
    assert here.tcp("alice", family=socket.AF_UNIX, address=str(path), first=first).echo().status == 0
    assert until(lambda: here.journal("SLUICE_ACTION=echo"))[0]["SLUICE_CLIENT"] == "192.0.2.7"


def test_when_all_places_are_taken_clients_are_told(gateway):
    here = gateway(limits={"max_connections": 2})
    held = [here.tcp("alice"), here.tcp("bob")]
    refused = here.metric("sluice_limit_exceeded_total", limit="max_connections")
    status, headers, body = here.curl("/v1/login", body="{}" + " " * 30_000)
    assert status == 503 and int(headers["retry-after"]) > 0 and headers["connection"] == "close"
    assert json.loads(body)["name"] == "overloaded"
    away = here.tcp(codec="protobuf")
    away.end()
    assert away.closed()[0] == 4005
    # A crowd is not more than the gateway can bear.
    crowd = [socket.create_connection(("127.0.0.1", here.port)) for _ in range(300)]
    until(lambda: here.metric("sluice_limit_exceeded_total", limit="max_connections") >= refused + 302)
    assert held[0].echo().status == 0
    for one in crowd:
        one.close()
    held[0].close()
    until(lambda: here.curl("/v1/nothing")[0] == 404)
