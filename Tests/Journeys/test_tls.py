"""TLS at the gateway: versions, names, client certificates, and new certificates while clients stay."""
import json
import signal
import socket
import ssl
import subprocess

import pytest
import yaml
from harness import envelopes
from harness.certificates import Authority, s_client
from harness.clients import CODECS, Client, Closed, TCPClient
from harness.load import Load
from harness.processes import sluice
from harness.waiting import until

HELLO_NOBODY = b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "certificates")


@pytest.fixture
def secured(gateway, authority):
    """make(pairs..., tls keys): a gateway whose HTTP listener speaks TLS."""
    def make(*pairs, tls=None, **more):
        pairs = pairs or [authority.issue("localhost")]
        listed = {"certificates": [pair.listed for pair in pairs], **(tls or {})}
        return gateway(
            config=lambda it: {"listeners": [
                {"name": "main", "address": "127.0.0.1", "port": it.port, "tls": listed}]}, **more)
    return make


def wss(gateway, authority, user="alice", codec="json", pair=None, **more):
    client = Client(
        f"wss://localhost:{gateway.port}/ws", codec, token=gateway.token(user),
        ssl=authority.client_context(pair), **more)
    gateway.clients.append(client)
    return client


def counted(gateway, result, count=1):
    """The client may hear of the end of a handshake before the gateway has counted it."""
    def handshakes():
        found = gateway.metric("sluice_tls_handshakes_total", listener="main", result=result)
        assert found == count, {
            labels: value for (family, labels), value in gateway.metrics().items() if "handshakes" in family}
        return True
    until(handshakes)


def raw_tls(gateway, authority, pair=None, **more):
    """A TLS connection that notices when the other side leaves without a goodbye."""
    plain = socket.create_connection(("127.0.0.1", gateway.port), 10)
    return authority.client_context(pair).wrap_socket(
        plain, server_hostname="localhost", suppress_ragged_eofs=False, **more)


def read_all(connection):
    whole = b""
    while data := connection.recv(65536):
        whole += data
    return whole


# Versions, protocols, names


def test_tls_1_2_and_1_3_are_spoken_and_older_ones_are_not(secured, authority):
    here = secured()
    assert "New, TLSv1.2" in s_client(here.port, "-tls1_2", authority=authority)
    shown = s_client(here.port, "-tls1_3", authority=authority)
    assert "New, TLSv1.3" in shown and "Verify return code: 0 (ok)" in shown, shown
    old = s_client(here.port, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", authority=authority)
    assert "alert protocol version" in old, old
    counted(here, "ok", 2)
    counted(here, "no_shared_version")
    static = s_client(here.port, "-tls1_2", "-cipher", "AES128-SHA:AES256-GCM-SHA384", authority=authority)
    assert "handshake failure" in static, "without forward secrecy there is no connection"
    counted(here, "no_shared_cipher")


def test_min_version_1_3_refuses_1_2(secured, authority):
    here = secured(tls={"min_version": "1.3"})
    assert "alert protocol version" in s_client(here.port, "-tls1_2", authority=authority)
    assert "New, TLSv1.3" in s_client(here.port, authority=authority)


@pytest.mark.parametrize("offered, chosen", [
    ("h2,http/1.1", "ALPN protocol: h2"), ("http/1.1", "ALPN protocol: http/1.1"),
    ("spdy/1", "No ALPN negotiated"), (None, "No ALPN negotiated")])
def test_alpn_chooses_the_protocol(secured, authority, offered, chosen):
    here = secured()
    assert chosen in s_client(here.port, *(["-alpn", offered] if offered else []), authority=authority)


def test_without_http2_only_http_1_1_is_offered(secured, authority):
    here = secured(tls={"http2": False})
    assert "ALPN protocol: http/1.1" in s_client(here.port, "-alpn", "h2,http/1.1", authority=authority)


def test_the_name_a_client_asks_for_chooses_the_certificate(secured, authority):
    first = authority.issue("first", ["DNS:localhost", "DNS:first.example"])
    second = authority.issue("second", ["DNS:second.example", "DNS:*.apps.example"], kind="rsa:2048")
    here = secured(first, second)
    for name, subject in [
            ("first.example", "first"), ("second.example", "second"), ("chat.apps.example", "second"),
            ("SECOND.example", "second"), ("a.b.apps.example", "first"), ("unknown.example", "first")]:
        for version in ("-tls1_2", "-tls1_3"):
            shown = s_client(here.port, "-servername", name, version, authority=authority)
            assert f"subject=CN = {subject}\n" in shown, (name, version, shown)
    assert "subject=CN = first\n" in s_client(here.port, "-noservername", authority=authority)


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_the_http_api_over_tls(secured, authority, version):
    here = secured()
    here.secrets.add("wonderland")
    made = subprocess.run(
        ["curl", "-sS", version, "--cacert", authority.certificate, "-w", "\n%{http_version} %{http_code}",
         "-H", "Content-Type: application/json", "-d", '{"user": "alice", "password": "wonderland"}',
         f"https://localhost:{here.port}/v1/login"], capture_output=True, text=True, timeout=20)
    body, _, last = made.stdout.rpartition("\n")
    assert last == {"--http1.1": "1.1 200", "--http2": "2 200"}[version], (made.stdout, made.stderr)
    answer = json.loads(body)
    here.secrets |= {answer["token"], answer["refresh_token"]}


# Messages


@pytest.mark.parametrize("codec", CODECS)
def test_websocket_over_tls(secured, authority, codec):
    here = secured()
    alice, bob = wss(here, authority, "alice", codec), wss(here, authority, "bob", codec)
    assert alice.echo("hello").status == 0
    large = "x" * 40_000
    reply = alice.echo(large)
    assert reply.status == 0 and len(reply.data) >= 40_000, "larger than one TLS record"
    assert bob.echo("hi").status == 0


def test_reading_pauses_behind_tls_and_every_reply_comes_in_order(secured, authority):
    here = secured(limits={"max_in_flight_per_connection": 4})
    client = wss(here, authority, "alice", "protobuf")
    count = 3_000
    for seq in range(1, count + 1):
        client.send(envelopes.ECHO, payload=b"y" * 200, seq=seq)
    client.sequence = count
    assert [client.receive().seq for _ in range(count)] == list(range(1, count + 1))
    assert here.metric("sluice_limit_exceeded_total", limit="max_in_flight_per_connection") > 0


def test_the_gateway_says_goodbye_in_tls_before_it_closes(secured, authority):
    here = secured()
    with raw_tls(here, authority) as connection:
        connection.sendall(HELLO_NOBODY)
        # Without close_notify this raises SSLEOFError: the answer might have been cut off.
        assert read_all(connection).startswith(b"HTTP/1.1 404 ")


def test_a_drain_says_goodbye_too(secured, authority):
    here = secured()
    with raw_tls(here, authority) as idle:
        counted(here, "ok")
        here.signal(signal.SIGTERM)
        assert read_all(idle) == b""
    assert here.wait(15) == 0


# Who does not get in


def test_a_client_that_never_begins_or_ends_the_handshake_is_cut_off(secured):
    here = secured(limits={"handshake_timeout": "300ms"})
    for start in (b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"):
        with socket.create_connection(("127.0.0.1", here.port), 10) as plain:
            plain.sendall(start)
            assert plain.recv(100) == b""
    counted(here, "timeout", 2)
    assert here.metric("sluice_limit_exceeded_total", limit="handshake_timeout") == 2
    socket.create_connection(("127.0.0.1", here.port), 10).close()
    counted(here, "connection_lost")


def test_plain_http_on_a_tls_port_is_counted_as_no_tls(secured):
    here = secured()
    with socket.create_connection(("127.0.0.1", here.port), 10) as plain:
        plain.sendall(HELLO_NOBODY)
        assert b"HTTP/1.1" not in plain.recv(100)
    counted(here, "not_tls")
    entry = until(lambda: [one for one in here.journal("SLUICE_REFUSAL=not_tls")])[0]
    assert entry["MESSAGE"].startswith("TLS handshake on listener main failed: the peer does not speak TLS")
    assert entry["SLUICE_CLIENT"] == "127.0.0.1"


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_required_client_certificates(secured, authority, tmp_path, version):
    good = authority.issue("device", ["URI:spiffe://example/device-7"], client=True)
    stranger = Authority(tmp_path / "stranger", "authority").issue("device", client=True)
    here = secured(tls={"client_ca": str(authority.certificate)})

    def ask(*arguments):
        return s_client(
            here.port, version, "-quiet", *arguments, authority=authority,
            sends=HELLO_NOBODY.decode())
    assert "HTTP/1.1 404" in ask("-cert", good.certificate, "-key", good.key)
    assert "HTTP/1.1" not in ask()
    counted(here, "no_certificate")
    assert "HTTP/1.1" not in ask("-cert", stranger.certificate, "-key", stranger.key)
    counted(here, "bad_certificate")
    server = authority.issue("server")
    assert "HTTP/1.1" not in ask("-cert", server.certificate, "-key", server.key), "of another purpose"


def test_the_journal_tells_whose_certificate_a_client_showed(secured, authority):
    device = authority.issue(
        "device", ["URI:spiffe://example/device-7", "DNS:d7.example"], subject="/O=Acme/CN=device 7", client=True)
    here = secured(tls={"client_ca": str(authority.certificate)})
    wss(here, authority, "alice", pair=device)
    entry = until(lambda: here.journal("SLUICE_EVENT=open"))[0]
    assert entry["SLUICE_CLIENT_CERTIFICATE"] == (
        "CN=device 7,O=Acme, URI:spiffe://example/device-7, DNS:d7.example")


def test_optional_client_certificates_may_be_absent_but_not_wrong(secured, authority, tmp_path):
    good = authority.issue("device", client=True)
    stranger = Authority(tmp_path / "stranger").issue("device", client=True)
    here = secured(tls={"client_ca": str(authority.certificate), "client_certificate": "optional"})
    for pair in (None, good):
        assert wss(here, authority, "alice", pair=pair).echo().status == 0
    with pytest.raises((ssl.SSLError, ConnectionError)), raw_tls(here, authority, stranger) as connection:
        # TLS 1.3: the client is done before the server has looked at its certificate.
        connection.sendall(HELLO_NOBODY)
        read_all(connection)
    counted(here, "bad_certificate")


def test_sessions_are_resumed_also_with_client_certificates(secured, authority, tmp_path):
    device = authority.issue("device", client=True)
    here = secured(tls={"client_ca": str(authority.certificate)})
    kept = tmp_path / "session.pem"
    shown = ["-cert", device.certificate, "-key", device.key, "-ign_eof"]
    for way in ("-sess_out", "-sess_in"):
        text = s_client(
            here.port, *shown, way, kept, authority=authority, sends=HELLO_NOBODY.decode())
        assert "HTTP/1.1 404" in text, text
    assert "Reused, TLSv1.3" in text, text


# New certificates


def test_new_certificates_under_load_without_a_failed_request(secured, authority):
    pair = authority.issue("localhost")
    here = secured(pair)
    old = pair.serial
    early = wss(here, authority, "early")
    context = authority.client_context()
    load = Load(
        here, [f"user{n}" for n in range(8)], depth=2, pace=0.005, url=f"wss://localhost:{here.port}/ws", ssl=context)
    serials = set()
    try:
        until(lambda: load.outcome.answered > 100)
        for number in range(3):
            authority.issue(f"next{number}").put_in_place_of(pair)
            here.reload("ok")
            late = wss(here, authority, f"late{number}")
            shown = late.connection.socket.getpeercert()["serialNumber"]
            assert shown == pair.serial
            serials.add(shown)
            assert late.echo().status == 0
            mark = load.outcome.answered
            until(lambda mark=mark: load.outcome.answered > mark + 100)
    finally:
        outcome = load.finish()
    assert old not in serials and len(serials) == 3
    assert not outcome.problems and not outcome.closed and set(outcome.replies) == {0}, outcome
    assert outcome.answered == outcome.sent
    assert early.echo().status == 0, "a connection from before the first change"
    here.reload("unchanged")


def test_a_broken_certificate_at_a_reload_keeps_the_old_one(secured, authority):
    pair = authority.issue("localhost")
    here = secured(pair)
    live = wss(here, authority)
    serial = pair.serial
    good = pair.key.read_bytes()
    authority.issue("other").key.replace(pair.key)
    here.reload("rejected")
    entry = until(lambda: here.journal("SLUICE_RELOAD_RESULT=rejected"))[0]
    assert f"{pair.key}: the key does not belong to the certificate in {pair.certificate}" in entry["MESSAGE"]
    assert f"{here.config_path}:" in entry["MESSAGE"], "the place in the configuration"
    pair.key.write_text("-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n")
    here.reload("rejected")
    assert live.echo().status == 0
    assert wss(here, authority).connection.socket.getpeercert()["serialNumber"] == serial
    pair.key.write_bytes(good)
    here.reload("unchanged")


def test_tls_itself_can_be_changed_by_a_reload(secured, authority):
    device = authority.issue("device", client=True)
    here = secured()
    live = wss(here, authority)
    here.config["listeners"][0]["tls"]["client_ca"] = str(authority.certificate)
    here.config_path.write_text(yaml.safe_dump(here.config, sort_keys=False))
    here.reload("ok")
    assert here.json("/v1/policy")["reload"]["needs_restart"] == []
    assert live.echo().status == 0
    assert wss(here, authority, pair=device).echo().status == 0
    with pytest.raises((ssl.SSLError, ConnectionError)), raw_tls(here, authority) as connection:
        connection.sendall(HELLO_NOBODY)
        read_all(connection)


def test_the_end_of_a_certificate_is_a_metric_and_a_near_one_a_warning(secured, authority):
    here = secured()
    end = here.metric("sluice_tls_certificate_expiry_timestamp_seconds", side="listener", name="main")
    shown = ssl.cert_time_to_seconds(
        until(lambda: wss(here, authority).connection.socket.getpeercert())["notAfter"])
    assert end == shown


# Configuration


def test_check_names_every_mistake_at_its_place(authority, tmp_path):
    pair, other = authority.issue("one"), authority.issue("two")
    other.key.chmod(0o644)
    (tmp_path / "empty.pem").write_text("")
    (tmp_path / "main.key").write_bytes(b"k" * 32)
    (tmp_path / "policies").mkdir()
    config = tmp_path / "sluice.yaml"
    config.write_text(f"""\
listeners:
  - name: main
    port: 0
    tls:
      certificates:
        - certificate: {pair.certificate}
          key: {other.key}
        - certificate: {tmp_path}/none.pem
          key: {pair.key}
      client_ca: {tmp_path}/empty.pem
identity: {{keys: [{{kid: main, secret_file: {tmp_path}/main.key}}]}}
services:
  - name: user
    instances: ["127.0.0.1:9"]
    tls: {{ca: {pair.key}}}
""")
    made = sluice("check", "--config", config, "--json")
    assert made.returncode == 64, made
    found = {(one["line"], one["severity"]): one["message"] for one in json.loads(made.stdout)["diagnostics"]
             if one["file"] == str(config)}
    assert "does not belong to the certificate" in found[7, "error"]
    assert "can reach the private key" in found[7, "warning"]
    assert found[8, "error"].endswith("none.pem: there is no such file")
    assert found[10, "error"].endswith("empty.pem: the file is empty")
    assert found[15, "error"].endswith("this file holds a private key and no certificate")
    for line in pair.key.read_text().splitlines()[1:-1]:
        assert line not in made.stdout + made.stderr


# Raw TCP


@pytest.mark.parametrize("codec", CODECS)
def test_envelopes_over_tls_without_websocket(gateway, authority, codec):
    pair = authority.issue("localhost")
    device = authority.issue("device", client=True)

    def config(it):
        tls = {"certificates": [pair.listed], "client_ca": str(authority.certificate)}
        return {"listeners": it.config["listeners"][:1] + [
            {"name": "raw", "protocol": "tcp", "address": "127.0.0.1", "port": it.tcp_port, "tls": tls}]}
    here = gateway(config=config, limits={"max_in_flight_per_connection": 4})
    address = ("127.0.0.1", here.tcp_port)
    client = TCPClient(
        address, codec, token=here.token("alice"), tls=authority.client_context(device), server_name="localhost")
    here.clients.append(client)
    count = 1_000
    for seq in range(10, 10 + count):
        client.send(envelopes.ECHO, "y" * 200, seq=seq)
    assert [client.receive().seq for _ in range(count)] == list(range(10, 10 + count))
    assert here.metric("sluice_tls_handshakes_total", listener="raw", result="ok") == 1
    assert "No ALPN negotiated" in s_client(
        here.tcp_port, "-alpn", "h2,http/1.1", "-cert", device.certificate, "-key", device.key, authority=authority)
    with pytest.raises((Closed, ssl.SSLError, ConnectionError)):
        TCPClient(address, codec, token=here.token("bob"), tls=authority.client_context(), server_name="localhost")
    # The HTTP listener beside it stays plain.
    assert here.connect("carol", codec).echo().status == 0


def test_a_reload_in_the_middle_of_a_handshake(secured, authority):
    """Half a handshake before the reload and half after it: the connection gets what it began with."""
    pair = authority.issue("localhost")
    here = secured(pair)
    first = pair.serial
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = authority.client_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", here.port), 10) as plain:
        with pytest.raises(ssl.SSLWantReadError):
            client.do_handshake()
        hello = outgoing.read()
        plain.sendall(hello[:50])
        authority.issue("next").put_in_place_of(pair)
        here.reload("ok")
        plain.sendall(hello[50:])
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                plain.sendall(outgoing.read())
                incoming.write(plain.recv(65536))
        plain.sendall(outgoing.read())
        assert client.getpeercert()["serialNumber"] == first != pair.serial
        client.write(HELLO_NOBODY)
        plain.sendall(outgoing.read())
        answer = b""
        while b"404" not in answer:
            incoming.write(plain.recv(65536))
            try:
                answer += client.read(65536)
            except ssl.SSLWantReadError:
                continue
