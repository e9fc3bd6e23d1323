"""Clients and proxies that are not ours: curl, nghttp, h2load, openssl, websockets, websocat, bare sockets, nginx, HAProxy."""
import itertools
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from harness import envelopes
from harness.certificates import Authority
from harness.clients import Client, Closed, TCPClient
from harness.gateway import policy
from harness.proxies import HAProxy, Nginx
from harness.waiting import until

HOST = "gateway.example"
SOURCES = (f"127.{201 + os.getpid() % 50}.{b}.{c}" for b, c in itertools.product(range(256), range(1, 255)))


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def certificates(authority):
    """Two certificates, chosen by the name a client asks for; the first where it asks for none."""
    return [authority.issue(HOST, [f"DNS:{HOST}", "IP:127.0.0.1"]), authority.issue("other.example", ["DNS:other.example"])]


@pytest.fixture
def secure(gateway, certificates):
    """A gateway with TLS on both listeners. make(**tls) adds keys of `tls`."""
    def make(rules=None, **more):
        tls = {"certificates": [pair.listed for pair in certificates], **more}
        return gateway(rules=rules or policy(), config=lambda here: {"listeners": [
            {"name": "main", "address": "127.0.0.1", "port": here.port, "tls": tls},
            {"name": "tcp", "protocol": "tcp", "address": "127.0.0.1", "port": here.tcp_port,
             "tls": {key: value for key, value in tls.items() if key != "http2"}}]})
    return make


def run(*command, **more):
    """A program's standard output; it must succeed."""
    made = subprocess.run([str(part) for part in command], capture_output=True, timeout=60, **more)
    assert made.returncode == 0, (made.returncode, made.stdout[-1000:], made.stderr[-1000:])
    return made.stdout.decode()


def curl(here, authority, *arguments, version="--http2", path="/v1/commands/echo", times=1):
    """Same request `times` times with one curl. Returns [(status, HTTP version, new connections, body)]."""
    shown = "\n%{http_code} %{http_version} %{num_connects}\n"
    url = f"https://{HOST}:{here.port}{path}"
    made = run("curl", "-sS", "--max-time", "20", version, "--cacert", authority.certificate,
               "--resolve", f"{HOST}:{here.port}:127.0.0.1", "-w", shown, *arguments, *[url] * times)
    lines = made.splitlines()
    return [(int(status), http, int(connects), body) for body, (status, http, connects) in
            zip(lines[::2], (line.split() for line in lines[1::2]))]


def bearer(here, user="alice"):
    return f"Authorization: Bearer {here.token(user)}"


# curl

@pytest.mark.parametrize("version, spoken", [("--http1.1", "1.1"), ("--http2", "2")])
def test_curl_over_tls_keeps_one_connection(secure, authority, version, spoken):
    here = secure()
    token = bearer(here)
    answers = curl(here, authority, "-H", token, "-d", '"hi"', version=version, times=5)
    assert answers == [(200, spoken, 1, '"hi"')] + [(200, spoken, 0, '"hi"')] * 4
    (login,) = curl(here, authority, "-d", '{"user":"alice","password":"wonderland"}', version=version, path="/v1/login")
    here.secrets |= {json.loads(login[3])["token"], json.loads(login[3])["refresh_token"]}
    assert login[0] == 200
    for bad, status in (("-H", 401), (None, 404)):
        path = "/v1/commands/echo" if bad else "/v1/nothing"
        (answer,) = curl(here, authority, "-H", "Authorization: Bearer nonsense", "-d", "{}", version=version, path=path)
        assert answer[:2] == (status, spoken)
    until(lambda: len(here.journal("SLUICE_ACTION=echo", "SLUICE_OUTCOME=ok")) == 5)


def test_curl_speaks_http_1_where_http_2_is_off(secure, authority):
    here = secure(http2=False)
    (answer,) = curl(here, authority, "-H", bearer(here), "-d", "1")
    assert answer == (200, "1.1", 1, "1")


def test_curl_gets_many_streams_at_once_on_one_connection(secure, authority):
    here = secure()
    token = bearer(here)
    made = run("curl", "-sS", "--max-time", "20", "--http2", "--parallel", "--cacert", authority.certificate,
               "--resolve", f"{HOST}:{here.port}:127.0.0.1", "-H", token, "-d", "7", "-w", "%{http_code}\\n",
               *[f"https://{HOST}:{here.port}/v1/commands/echo"] * 20)
    assert re.findall(r"7?200", made) and made.count("200") == 20, made
    assert here.metric("sluice_requests_total", transport="http", action="echo", outcome="ok") == 20


# nghttp and h2load

def test_nghttp_gets_answers_and_refusals_on_streams_of_one_connection(secure, tmp_path):
    here = secure()
    (tmp_path / "body").write_text('{"n":1}')
    base = f"https://127.0.0.1:{here.port}/v1/commands"
    told = run("nghttp", "-v", "-d", tmp_path / "body", "-H", bearer(here),
               f"{base}/echo", f"{base}/no.such.command", f"{base}/friend.list")
    assert "The negotiated protocol: h2" in told
    assert sorted(re.findall(r":status: (\d+)", told)) == ["200", "200", "404"]
    assert '{"n":1}' in told and '"friends"' in told and "command_not_found" in told


@pytest.mark.parametrize("protocol", ["h2", "http/1.1"])
def test_h2load_counts_what_we_count(secure, tmp_path, protocol):
    here = secure(rules=policy(logging={"budget_per_second": 100_000}))
    (tmp_path / "body").write_text('"x"')
    total = 1_000
    told = run("h2load", "-n", total, "-c", 5, "-m", 1 if protocol == "http/1.1" else 10, "-t", 1,
               f"--npn-list={protocol}", "-d", tmp_path / "body", "-H", bearer(here), "-H", "content-type: application/json",
               f"https://127.0.0.1:{here.port}/v1/commands/echo")
    assert f"Application protocol: {protocol}" in told
    assert f"{total} done, {total} succeeded, 0 failed, 0 errored, 0 timeout" in told, told
    assert f"status codes: {total} 2xx, 0 3xx, 0 4xx, 0 5xx" in told, told
    assert here.metric("sluice_requests_total", transport="http", action="echo", outcome="ok") == total
    until(lambda: len(here.journal("SLUICE_ACTION=echo")) == total, 20, "an entry for each")


# openssl

def s_client(here, *arguments, port=None, say=b"Q\n"):
    """(exit code, all that openssl s_client prints)."""
    made = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port or here.port}", *map(str, arguments)],
        input=say, capture_output=True, timeout=20)
    return made.returncode, (made.stdout + made.stderr).decode(errors="replace")


def test_openssl_sees_the_versions_names_and_protocols_that_are_configured(secure, authority):
    here = secure()
    for version, spoken in (("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")):
        code, told = s_client(here, version, "-CAfile", authority.certificate, "-alpn", "h2,http/1.1", "-servername", HOST)
        assert code == 0 and "Verify return code: 0 (ok)" in told and spoken in told, told
        assert "ALPN protocol: h2" in told
    # Level 0 lets openssl offer what it would not by itself.
    code, told = s_client(here, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    assert code != 0 and "alert protocol version" in told, told
    for asked, got in ((HOST, HOST), ("other.example", "other.example"), ("nobody.example", HOST), (None, HOST)):
        name = ["-servername", asked] if asked else ["-noservername"]
        assert f"subject=CN = {got}" in s_client(here, *name)[1], asked
    assert "No ALPN negotiated" in s_client(here, port=here.tcp_port)[1]


def test_openssl_carries_an_http_request(secure):
    here = secure()
    request = (f"POST /v1/commands/echo HTTP/1.1\r\nHost: {HOST}\r\n{bearer(here)}\r\nConnection: close\r\n"
               "Content-Length: 4\r\n\r\n\"hi\"").encode()
    code, told = s_client(here, "-quiet", "-ign_eof", say=request)
    assert told.count("HTTP/1.1 200 OK") == 1 and '\r\n\r\n"hi"' in told, told


def test_old_tls_can_be_turned_off_and_client_certificates_required(secure, authority):
    here = secure(min_version="1.3", client_ca=str(authority.certificate), client_certificate="required")
    code, told = s_client(here, "-tls1_2")
    assert code != 0 and "alert protocol version" in told
    phone = authority.issue("phone-1", client=True)
    say = f"GET /nothing HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()
    code, told = s_client(here, "-quiet", "-ign_eof", "-cert", phone.certificate, "-key", phone.key, say=say)
    assert "HTTP/1.1 404" in told, told
    code, told = s_client(here, "-quiet", "-ign_eof", say=say)
    assert "HTTP/1.1" not in told and "alert" in told, told


# WebSocket and TCP over TLS

@pytest.mark.parametrize("codec", ["json", "protobuf"])
def test_websockets_and_tcp_over_tls(secure, authority, codec):
    here = secure()
    tls = authority.client_context()
    bob = Client(f"wss://127.0.0.1:{here.port}/ws", codec, token=here.token("bob"), ssl=tls)
    alice = TCPClient(("127.0.0.1", here.tcp_port), codec, token=here.token("alice"), tls=tls, server_name=HOST)
    assert alice.request(envelopes.SEND, {"to": "bob", "text": "sealed"}).status == 0
    assert bob.push(envelopes.DELIVER).data["text"] == "sealed"
    for one in (alice, bob):
        assert one.echo(None, payload=b"x" * 40_000).data == b"x" * 40_000
        one.close()


def test_websocat_sends_and_shows_json(gateway):
    here = gateway()
    program = Path(sys.executable).with_name("websocat")
    requests = "".join(json.dumps({"cmd": 100, "seq": n, "data": f"line {n}"}) + "\n" for n in (1, 2, 3))
    talk = subprocess.Popen(
        [program, "-t", "--protocol", "sluice.v1.json", "-H=" + bearer(here), here.url],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        talk.stdin.write(requests)
        talk.stdin.flush()
        lines = [json.loads(talk.stdout.readline()) for _ in range(4)]
    finally:
        talk.kill()
        talk.wait()
    assert lines[0]["cmd"] == envelopes.AUTH
    assert [(line["seq"], line["data"]) for line in lines[1:]] == [(n, f"line {n}") for n in (1, 2, 3)]


# Bare sockets

def test_bytes_one_by_one_and_requests_all_at_once(gateway):
    here = gateway()
    request = (f"POST /v1/commands/echo HTTP/1.1\r\nHost: x\r\n{bearer(here)}\r\n"
               "Content-Length: 1\r\n\r\n").encode()
    with socket.create_connection(("127.0.0.1", here.port), 10) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request + b"1":
            line.send(bytes([byte]))
        answer = b""
        while not answer.endswith(b"\r\n\r\n1"):
            answer += line.recv(4096)
        line.sendall(b"".join(request + str(n).encode() for n in range(2, 8)))
        while not answer.endswith(b"\r\n\r\n7"):
            answer += line.recv(4096)
    assert re.findall(rb"\r\n\r\n(\d)", answer) == [b"1", b"2", b"3", b"4", b"5", b"6", b"7"]


@pytest.mark.parametrize("codec", ["json", "protobuf"])
def test_a_tcp_message_byte_by_byte_and_many_in_one_segment(gateway, codec):
    here = gateway(config=lambda here: {"listeners": [
        {"name": "main", "address": "127.0.0.1", "port": here.port},
        {"name": "tcp", "protocol": "tcp", "address": "127.0.0.1", "port": here.tcp_port}]})
    client = TCPClient(("127.0.0.1", here.tcp_port), codec, token=here.token())

    def framed(seq):
        body = envelopes.encode(codec, envelopes.ECHO, seq, seq=seq)
        body = body.encode() if isinstance(body, str) else body
        return len(body).to_bytes(4, "big") + body
    for byte in framed(100):
        client.socket.send(bytes([byte]))
    assert client.reply(100).data == 100
    client.socket.sendall(b"".join(framed(seq) for seq in range(101, 151)))
    assert [client.receive().seq for _ in range(50)] == list(range(101, 151))
    client.close()


# Proxies in front

class Behind:
    """A gateway that trusts its proxy, and the proxy's ports."""

    def __init__(self, gateway, proxy, folder):
        self.gateway = gateway(config=lambda here: {
            "listeners": [
                {"name": "main", "address": "127.0.0.1", "port": here.port},
                {"name": "tcp", "protocol": "tcp", "address": "127.0.0.1", "port": here.tcp_port, "proxy_protocol": True}],
            "trusted_proxies": ["127.0.0.1/32"]})
        self.proxy = proxy(folder / "proxy", http=self.gateway.port, tcp=self.gateway.tcp_port)

    def clients_of(self, user):
        """Addresses in the journal of what this user did."""
        entries = until(lambda: self.gateway.journal("SLUICE_ACTION=echo", f"SLUICE_USER={user}"), 10)
        return {entry["SLUICE_CLIENT"] for entry in entries}


@pytest.fixture(params=[Nginx, HAProxy], ids=["nginx", "haproxy"])
def behind(request, gateway, tmp_path, started):
    made = Behind(gateway, request.param, tmp_path)
    started(made.proxy)
    yield made
    made.proxy.stop()  # with it go the connections it keeps, before the gateway's maps are looked at


def post(port, source, token, *headers):
    """POST of an echo with curl from a source address: the status."""
    return run("curl", "-sS", "--max-time", "15", "--interface", source, "-o", "/dev/null", "-w", "%{http_code}",
               "-H", f"Authorization: Bearer {token}", *itertools.chain(*(("-H", one) for one in headers)),
               "-d", "1", f"http://127.0.0.1:{port}/v1/commands/echo")


def test_behind_a_proxy_the_journal_shows_the_true_client(behind):
    here = behind.gateway
    over_http, over_websocket, over_tcp = (next(SOURCES) for _ in range(3))
    assert post(behind.proxy.http_port, over_http, here.token("http")) == "200"
    client = Client(f"ws://127.0.0.1:{behind.proxy.http_port}/ws", "json", token=here.token("websocket"),
                    source_address=(over_websocket, 0))
    assert client.echo().status == 0
    client.close()
    client = TCPClient(("127.0.0.1", behind.proxy.tcp_port), "protobuf", token=here.token("tcp"), source=over_tcp)
    assert client.echo().status == 0
    client.close()
    assert behind.clients_of("http") == {over_http}
    assert behind.clients_of("websocket") == {over_websocket}
    assert behind.clients_of("tcp") == {over_tcp}


def test_what_a_client_writes_itself_is_not_believed(behind):
    """Neither through the proxy, which appends, nor around it."""
    here = behind.gateway
    through, around, socketed = (next(SOURCES) for _ in range(3))
    forged = ("X-Forwarded-For: 203.0.113.7", "Forwarded: for=203.0.113.8", "X-Real-IP: 203.0.113.9")
    assert post(behind.proxy.http_port, through, here.token("through"), *forged[:1]) == "200"
    assert post(behind.proxy.http_port, through, here.token("through"), *forged) == "200"
    assert post(here.port, around, here.token("around"), *forged[:1]) == "200"
    assert post(here.port, around, here.token("around"), forged[1]) == "200"
    client = Client(here.url, token=here.token("socketed"), source_address=(socketed, 0),
                    headers={"X-Forwarded-For": "203.0.113.7"})
    assert client.echo().status == 0
    client.close()
    assert behind.clients_of("through") == {through}
    assert behind.clients_of("around") == {around}
    assert behind.clients_of("socketed") == {socketed}


@pytest.mark.parametrize("header", [
    b"PROXY TCP4 203.0.113.7 127.0.0.1 5000 7080\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + socket.inet_aton("203.0.113.7") + socket.inet_aton("127.0.0.1") + b"\x13\x88\x1b\xa8",
], ids=["v1", "v2"])
def test_a_proxy_header_is_believed_from_a_trusted_address_alone(behind, header):
    here = behind.gateway
    client = TCPClient(("127.0.0.1", here.tcp_port), "json", token=here.token("trusted"), first=header)
    assert client.echo().status == 0
    client.close()
    assert behind.clients_of("trusted") == {"203.0.113.7"}
    with pytest.raises((Closed, ConnectionError)):
        TCPClient(("127.0.0.1", here.tcp_port), "json", token=here.token("stranger"), first=header, source=next(SOURCES))
    with pytest.raises((Closed, ConnectionError)):
        TCPClient(("127.0.0.1", here.tcp_port), "json", token=here.token("stranger"), timeout=15)
    assert not here.journal("SLUICE_USER=stranger")


def test_a_message_crosses_the_proxy_both_ways(behind):
    """A push comes back through a WebSocket and through TCP, and a long message passes whole."""
    here = behind.gateway
    bob = Client(f"ws://127.0.0.1:{behind.proxy.http_port}/ws", "protobuf", token=here.token("bob"))
    alice = TCPClient(("127.0.0.1", behind.proxy.tcp_port), "json", token=here.token("alice"))
    assert alice.request(envelopes.SEND, {"to": "bob", "text": "through"}).status == 0
    assert bob.push(envelopes.DELIVER).data["text"] == "through"
    assert bob.request(envelopes.SEND, {"to": "alice", "text": "back"}).status == 0
    assert alice.push(envelopes.DELIVER).data["text"] == "back"
    assert bob.echo(None, payload=b"x" * 60_000).data == b"x" * 60_000
    for one in (alice, bob):
        one.close()
