"""The PROXY protocol: who the client is, said by a trusted proxy before the first byte."""
import ipaddress
import socket
import struct

import pytest
from harness import envelopes
from harness.clients import Closed
from harness.gateway import limit, policy
from harness.waiting import free_port, until

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def text(address="192.0.2.7", family="TCP4", target="10.0.0.1"):
    return f"PROXY {family} {address} {target} 12345 80\r\n".encode()


def binary(address="192.0.2.7", command=0x21, extensions=b""):
    packed = ipaddress.ip_address(address).packed
    family = 0x11 if len(packed) == 4 else 0x21
    body = packed + packed + struct.pack("!HH", 12345, 80) + extensions
    return SIGNATURE + bytes([command, family]) + struct.pack("!H", len(body)) + body


@pytest.fixture
def proxied(gateway):
    """A gateway whose listeners both want the header, from loopback unless told otherwise."""
    def make(trusted=("127.0.0.0/8",), **more):
        http, tcp = free_port(), free_port()
        made = gateway(config={
            "listeners": [
                {"name": "main", "address": "127.0.0.1", "port": http, "proxy_protocol": True},
                {"name": "tcp", "protocol": "tcp", "address": "127.0.0.1", "port": tcp, "proxy_protocol": True}],
            "trusted_proxies": list(trusted)}, **more)
        made.port, made.tcp_port = http, tcp
        return made
    return make


def results(here):
    found = {}
    for (family, labels), value in here.metrics().items():
        if family == "sluice_proxy_headers_total" and value:
            result = dict(labels)["result"]
            found[result] = found.get(result, 0) + value
    return found


def address_of(here, action="echo"):
    entries = until(lambda: here.journal(f"SLUICE_ACTION={action}"))
    return {entry["SLUICE_CLIENT"] for entry in entries}


@pytest.mark.parametrize("header, seen", [
    (text(), "192.0.2.7"), (text("2001:db8::9", "TCP6", "::1"), "2001:db8::9"),
    (text("::ffff:192.0.2.9", "TCP6", "::1"), "192.0.2.9"), (binary(), "192.0.2.7"),
    (binary("2001:DB8:0::9"), "2001:db8::9"), (binary("::ffff:192.0.2.9"), "192.0.2.9"),
    (binary(extensions=b"\x01\x00\x02h2\x04\x00\x01\x00"), "192.0.2.7"),
    (b"PROXY UNKNOWN\r\n", "127.0.0.1"), (binary(command=0x20), "127.0.0.1")])
@pytest.mark.parametrize("cut", [False, True])
def test_the_header_says_who_the_client_is(proxied, header, seen, cut):
    here = proxied()
    if cut:
        client = here.tcp(first=header[:7])
        client.send_bytes(header[7:20])
        client.send_bytes(header[20:] + client.framed(
            envelopes.encode("json", envelopes.AUTH, {"token": here.token("alice")}, seq=1)))
        assert client.reply(1).status == 0
    else:
        client = here.tcp("alice", first=header)
    assert client.echo().status == 0
    assert address_of(here) == {seen}
    assert results(here) == {"local" if seen == "127.0.0.1" else "ok": 1}


def request(here, first, path="/v1/commands/echo", extra=""):
    """One HTTP request behind a header, on a bare socket: the status, or None where nothing came."""
    with socket.create_connection(("127.0.0.1", here.port), timeout=10) as bare:
        bare.sendall(first + (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {here.token('alice')}\r\n{extra}"
            "Content-Length: 4\r\nConnection: close\r\n\r\n\"hi\"").encode())
        answer = b""
        try:
            while data := bare.recv(65536):
                answer += data
        except ConnectionResetError:
            pass
    return int(answer.split(b" ", 2)[1]) if answer else None


def test_http_behind_a_header(proxied):
    here = proxied()
    assert request(here, text("198.51.100.4")) == 200
    assert address_of(here) == {"198.51.100.4"}


def test_limits_by_address_count_the_clients_and_not_the_proxy(proxied):
    here = proxied(rules=policy(limit("peer", 2, "60s", key=("peer",))))
    first, second = (here.tcp("alice", first=text(address)) for address in ("192.0.2.1", "192.0.2.2"))
    assert [first.echo().status for _ in range(3)] == [0, 0, 429]
    assert [second.echo().status for _ in range(3)] == [0, 0, 429]
    # IPv4 mapped into IPv6 is the same address.
    third = here.tcp("alice", first=text("::ffff:192.0.2.1", "TCP6", "::1"))
    assert third.echo().status == 429


def test_an_address_that_is_not_trusted_is_refused_whatever_it_says(proxied):
    here = proxied(trusted=["192.0.2.0/24", "::/0"])
    for first in (text(), binary(), b""):
        client = here.tcp(first=first)
        assert client.closed() == (None, "")
    assert request(here, text()) is None
    assert results(here) == {"untrusted": 4}
    entries = until(lambda: [e for e in here.journal() if e.get("SLUICE_EVENT") == "open"])
    assert {entry["SLUICE_CLIENT"] for entry in entries} == {"127.0.0.1"}


@pytest.mark.parametrize("first", [
    b"GET / HTTP/1.1\r\n\r\n", struct.pack("!I", 9) + b'{"cmd":2}', b"PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n",
    b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", b"PROXY " + b"x" * 200, SIGNATURE + b"\x31\x11\x00\x00",
    SIGNATURE + b"\x21\x11\xff\xff"])
def test_what_is_no_header_is_refused_and_counted(proxied, first):
    here = proxied()
    client = here.tcp(first=first)
    assert client.closed() == (None, "")
    assert results(here) == {"malformed": 1}
    entries = until(lambda: [e for e in here.journal() if e.get("SLUICE_EVENT") == "open"])
    assert "PROXY header" in entries[0]["MESSAGE"]


def test_a_header_that_does_not_come_in_time(proxied):
    here = proxied(limits={"handshake_timeout": "1s"})
    client = here.tcp(first=b"PROXY TCP4 1.2.3.4")
    assert client.closed(10) == (None, "")
    assert results(here) == {"timeout": 1}
    assert here.metric("sluice_limit_exceeded_total", limit="handshake_timeout") == 1


def test_a_health_check_of_the_proxy_is_no_news(proxied):
    here = proxied()
    for _ in range(5):
        socket.create_connection(("127.0.0.1", here.tcp_port)).close()
    until(lambda: results(here) == {"connection_lost": 5})
    here.tcp("alice", first=text()).echo()
    until(lambda: here.journal("SLUICE_ACTION=echo"))
    assert not [e for e in here.journal() if e.get("SLUICE_OUTCOME") == "refused"]


def test_without_proxy_protocol_a_header_is_garbage_and_never_believed(gateway):
    here = gateway(config={"trusted_proxies": ["127.0.0.0/8"]})
    client = here.tcp(first=text())
    assert client.closed()[0] == 1009
    with pytest.raises(Closed):
        client.receive()
