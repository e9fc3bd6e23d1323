"""The programs in Examples, run as their users would."""
import asyncio
import http.client
import json
import re
import signal
import socket
import subprocess
import sys

import pytest
import yaml
from harness import envelopes
from harness.clients import CODECS
from harness.gateway import policy
from harness.processes import ROOT, Process, PythonService, environment
from harness.waiting import until

sys.path.insert(0, str(ROOT / "Examples/python_service"))
import demo_commands  # noqa: E402
import sluice_link  # noqa: E402

SHIPPED = yaml.safe_load((ROOT / "Config/sluice.yaml").read_text())["commands"]
BY_NAME = {command["name"]: command["id"] for command in SHIPPED}
CHAT = ROOT / "Examples/chat.py"


def tcp_too(here):
    return {"listeners": [
        {"name": "main", "address": "127.0.0.1", "port": here.port},
        {"name": "tcp", "protocol": "tcp", "address": "127.0.0.1", "port": here.tcp_port}]}


def chat(*arguments):
    return subprocess.run(
        [sys.executable, CHAT, *arguments], capture_output=True, text=True, timeout=30, env=environment({}))


@pytest.mark.parametrize("listener, sender", [("http", "http"), ("http", "tcp"), ("tcp", "http"), ("tcp", "tcp")])
def test_the_chat_example_carries_a_message_from_alice_to_bob(gateway, tmp_path, started, listener, sender):
    here = gateway(config=tcp_too)
    bases = {"http": f"http://127.0.0.1:{here.port}", "tcp": f"tcp://127.0.0.1:{here.tcp_port}"}
    bob = started(Process("bob", [sys.executable, CHAT, bases[listener], "bob", "builder"], tmp_path))
    until(lambda: "connected" in bob.output(), 20, "bob is connected")
    alice = chat(bases[sender], "alice", "wonderland", "bob", "hi from the example")
    assert alice.returncode == 0, alice.stderr
    assert "sent, id" in alice.stdout
    until(lambda: "alice: hi from the example" in bob.output(), 20, "bob has read it")
    until(lambda: "alice is offline" in bob.output(), 20, "bob knows that alice has gone")
    bob.signal(signal.SIGINT)


@pytest.mark.parametrize("scheme", ["http", "tcp"])
def test_the_chat_example_tells_a_refused_login(gateway, scheme):
    here = gateway(config=tcp_too)
    port = here.port if scheme == "http" else here.tcp_port
    wrong = chat(f"{scheme}://127.0.0.1:{port}", "alice", "nonsense", "bob", "x")
    assert wrong.returncode == 1
    assert "login refused: bad_credentials" in wrong.stderr


PAGE = (ROOT / "docs/native-link.md").read_text()
FRAMES = {name: bytes.fromhex(hexed) for name, hexed in re.findall(r"^\| ([\w ]+) \| `([0-9a-f ]+)` \|", PAGE, re.M)}
REFUSED = [bytes.fromhex(hexed) for hexed in re.findall(r"^\| `([0-9a-f ]+)` \|", PAGE, re.M)]


def frame(kind, stream, body, flags=0):
    return sluice_link.HEAD.pack(8 + len(body), kind, flags, 0, stream) + body


def test_the_python_link_writes_and_reads_the_vectors_of_the_page():
    link = sluice_link
    call = link.Envelope.read(FRAMES["call"][12:])
    assert (call.cmd, call.seq, call.payload, call.deadline_ms, call.user_id, call.is_json) == (
        100, 7, b'"hi"', 5000, "alice", True)
    assert frame(link.REPLY, 1, link.Answer(b'"hi"').envelope(call)) == FRAMES["reply"]
    assert dict(link.fields(FRAMES["hello"][12:])) == {1: 1, 2: b"gw-1"}
    assert dict(link.fields(FRAMES["push_result"][12:])) == {1: 2, 3: 1}
    assert frame(link.PING, 0, b"\xbe\xef", link.IS_ANSWER) == FRAMES["pong"]
    assert frame(link.GOAWAY, 0, link.text(1, "drain")) == FRAMES["goaway"]


@pytest.mark.parametrize("wrong", REFUSED, ids=lambda wrong: wrong.hex())
def test_the_python_link_closes_on_frames_that_the_page_refuses(tmp_path, started, wrong):

    service = started(PythonService("native_service.py", tmp_path))
    with socket.create_connection(("127.0.0.1", service.port), 10) as gateway:
        gateway.sendall(FRAMES["hello"] + wrong.ljust(12, b"\0"))
        said = b""
        while data := gateway.recv(4096):
            said += data
    assert said == frame(sluice_link.HELLO, 0, b"\x08\x01\x12\x08python-1")
    service.check_running()


@pytest.mark.parametrize("codec", CODECS)
def test_the_python_service_does_what_the_demo_services_do(gateway, tmp_path, started, codec):
    service = started(PythonService("native_service.py", tmp_path))
    here = gateway(services=service.port)
    alice = here.connect("alice", codec, token=here.log_in("alice", "wonderland")["token"])
    bob = here.connect("bob", codec)
    for payload in (b"", bytes(range(256)), b"x" * 40_000):
        assert (alice.echo(None, payload=payload).data or b"") == payload
    sent = alice.request(envelopes.SEND, {"to": "bob", "text": "from Python"})
    assert bob.push(envelopes.DELIVER).data == {"from": "alice", "text": "from Python", "id": sent.data["id"]}
    assert "from Python" in str(alice.request(envelopes.HISTORY, {"with": "bob"}).data)
    assert alice.request(envelopes.FRIENDS, {}).data == {"friends": ["bob", "carol"]}
    until(lambda: alice.request(envelopes.PROFILE, {"user": "bob"}).data["online"] is True)
    assert alice.request(envelopes.SEND, {"to": ""}).status == 1400
    service.signal(signal.SIGTERM)
    assert service.wait() == 0, service.errors()
    assert "Traceback" not in service.errors()
    until(lambda: alice.echo().status == 503, 10, "the gateway knows that it went")
    started(PythonService("native_service.py", tmp_path, port=service.port))
    until(lambda: alice.echo("again").data == "again", 10, "another instance took over")


def test_the_python_services_know_every_command_of_the_shipped_configuration():
    """The shipped policies name no others: `sluice policy check` holds them against the configuration."""
    assert BY_NAME.items() <= {name: number for number, name in demo_commands.COMMANDS.items()}.items()

    async def push(*_):
        pass

    async def statuses():
        demo = demo_commands.Demo(push)
        asked = [command["name"] for command in SHIPPED if command["from"] != "push"]
        return {name: (await demo.answer(name, "alice", b"{}")).body for name in [*asked, "no.such"]}
    said = asyncio.run(statuses())
    assert [name for name, body in said.items() if b"no such command" in body] == ["no.such"]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("link", ["demo", "native"])
def test_friends_are_asked_and_media_are_kept(gateway, services, tmp_path, started, link, codec):
    port = (services if link == "demo" else started(PythonService("native_service.py", tmp_path))).port
    here = gateway(
        services=port, config={"commands": SHIPPED},
        rules=policy(rules=[{"name": "members-may-store", "effect": "permit", "principal": {"roles": ["member"]},
                             "action": ["media.*"]}]))
    alice, dora, bob = here.connect("alice", codec), here.connect("dora", codec), here.connect("bob", codec)
    ask, asked = BY_NAME["friend.request"], BY_NAME["friend.requested"]
    assert alice.request(ask, {"user": "bob"}).data == {"friends": True}
    assert dora.request(ask, {"user": "bob"}).data == {"friends": False}
    assert bob.push(asked).data == {"from": "dora"}, "of those who are friends he hears nothing"
    assert [dora.request(ask, body).status for body in ({"user": "dora"}, {"user": "nobody"}, {})] == [1400, 1404, 1400]
    upload, download = BY_NAME["media.upload"], BY_NAME["media.download"]
    for item in (b"", bytes(range(256)), b'{"id": 1}'):
        kept = alice.request(upload, payload=item).data
        assert kept["bytes"] == len(item)
        assert (bob.request(download, {"id": kept["id"]}).data or b"") == item
    assert [bob.request(download, body).status for body in ({"id": kept["id"] + 1}, {"id": "x"})] == [1404, 1400]


def test_the_python_http_service_keeps_connections_and_refuses_what_it_cannot_read(tmp_path, started):
    service = started(PythonService("http_service.py", tmp_path))
    line = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)

    def ask(path, body=b"{}", method="POST", **headers):
        line.request(method, path, body, {"Sluice-User": "alice", **headers})
        answer = line.getresponse()
        return answer.status, answer.read(), answer.headers
    assert json.loads(ask("/commands/user.profile")[1])["name"] == "Alice Liddell"
    kept = line.sock
    assert ask("/commands/echo", b"\x00\xff", **{"Content-Type": "application/octet-stream"})[1] == b"\x00\xff"
    kept_bytes = json.loads(ask("/commands/media.upload", b"\x89PNG", **{"Content-Type": "image/png"})[1])
    status, body, headers = ask("/commands/media.download", json.dumps({"id": kept_bytes["id"]}))
    assert (status, body, headers["Content-Type"]) == (200, b"\x89PNG", "application/octet-stream")
    assert json.loads(ask("/commands/friend.request", b'{"user": "bob"}')[1]) == {"friends": True}
    status, _, headers = ask("/commands/no.such", b"{}")
    assert (status, headers["Sluice-Status"]) == (422, "1404")
    assert ask("/elsewhere")[0] == 404 and ask("/commands/echo", None, "GET")[0] == 405
    assert line.sock is kept, "one connection for all"

    def raw(text):
        with socket.create_connection(("127.0.0.1", service.port), 10) as other:
            other.sendall(text)
            said = b""
            while data := other.recv(4096):
                said += data
        return int(said.split(b" ")[1])
    head = b"POST /commands/echo HTTP/1.1\r\nHost: x\r\n"
    assert raw(head + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n") == 501
    assert raw(head + b"Content-Length: 9999999\r\n\r\n") == 413
    assert raw(head + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n") == 400
    assert raw(b"GET / HTTP/1.0\r\n\r\n") == 400
    assert raw(head + b"X: " + b"x" * 20_000 + b"\r\n\r\n") == 431
    service.signal(signal.SIGTERM)
    assert service.wait() == 0 and "Traceback" not in service.errors(), service.errors()
    line.close()
