"""The process itself: starting, refusing to start, draining, stopping, and the demo as printed."""
import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
import yaml
from harness import envelopes, tokens
from harness.clients import CODECS, Client
from harness.fake_service import FakeService
from harness.gateway import Gateway, policy
from harness.processes import ROOT, SLUICE, Process, sluice
from harness.raw_http import RawHTTP
from harness.waiting import free_port, listens, until


@pytest.mark.parametrize("codec", CODECS)
def test_sigterm_drains_tells_every_client_and_ends_with_0(gateway, codec):
    here = gateway(drain="10s")
    clients = [here.connect(user, codec) for user in ("alice", "bob", "carol")]
    here.signal(signal.SIGTERM)
    until(lambda: not here.is_running or here.get("/ready")[0] == 503, 5, "it takes no new traffic")
    waits = set()
    for client in clients:
        goaway = client.push(envelopes.GOAWAY)
        assert goaway.data["reason"], goaway
        waits.add(goaway.data["reconnect_after_ms"])
        assert client.closed()[0] == 4000
    assert len(waits) > 1, "clients are told different times, or they all come back at once"
    assert here.wait(15) == 0
    assert not Path(here.config["pid_file"]).exists()


def test_requests_under_way_are_answered_before_the_drain_closes(gateway, services):
    mute = FakeService()
    here = gateway(services={"user": [services.port], "friend": [services.port], "message": [mute.port]}, drain="10s")
    client = here.connect("alice", "protobuf")
    client.send(envelopes.ECHO, seq=1, payload=b"x")
    until(lambda: mute.calls)
    here.signal(signal.SIGTERM)
    client.push(envelopes.GOAWAY)
    mute.calls[0].reply_json(b'"answered"')
    assert client.reply(1).data == "answered"
    assert client.closed()[0] == 4000
    assert here.wait(15) == 0
    mute.stop()


def an_echo(here):
    """A request's bytes."""
    return (f"POST /v1/commands/echo HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {here.token('alice')}\r\n"
            "Content-Type: application/json\r\nContent-Length: 1\r\n\r\n1").encode()


def test_requests_that_nobody_has_accepted_yet_are_answered_before_the_doors_close(gateway):
    here = gateway(drain="10s")
    request = an_echo(here)
    here.signal(signal.SIGSTOP)
    try:
        clients = [RawHTTP(here.port) for _ in range(400)]
        for client in clients:
            client.send(request)
        here.signal(signal.SIGTERM)
    finally:
        here.signal(signal.SIGCONT)
    for client in clients:
        status, _, body = client.response()
        assert (status, body) == (200, b"1")
        client.socket.close()
    assert here.wait(15) == 0


def test_who_has_just_connected_may_ask_once_while_the_gateway_drains(gateway):
    here = gateway(drain="10s")
    request = an_echo(here)
    new, used = RawHTTP(here.port), RawHTTP(here.port)
    used.send(request)
    assert used.response()[0] == 200
    until(lambda: here.metric("sluice_connections", transport="http") == 2, 5)
    here.signal(signal.SIGTERM)
    assert used.until_closed() == b"", "nothing is lost by closing between two requests"
    until(lambda: not listens(here.port), 5, "nobody else gets in")
    new.send(request)
    status, headers, body = new.response()
    assert (status, headers["connection"], body) == (200, "close", b"1")
    assert new.until_closed() == b""
    new.socket.close()
    assert here.wait(15) == 0


def test_a_second_sigterm_ends_the_drain(gateway, services):
    mute = FakeService()  # keeps a request open, so that the drain has something to wait for
    here = gateway(services={"user": [services.port], "friend": [services.port], "message": [mute.port]},
                   drain="60s", commands={"echo": {"timeout": "60s"}})
    client = here.connect("alice")
    client.send(envelopes.ECHO, "x", seq=1)
    until(lambda: mute.calls)
    here.signal(signal.SIGTERM)
    client.push(envelopes.GOAWAY)
    began = time.monotonic()
    here.signal(signal.SIGTERM)
    here.wait(10)
    assert time.monotonic() - began < 8
    mute.stop()


def test_a_port_that_is_taken_is_an_error_with_exit_code_1(gateway, tmp_path):
    here = gateway()
    folder = tmp_path / "second"
    folder.mkdir()
    second = Gateway(folder, config={"listeners": here.config["listeners"]})
    assert second.wait(15) == 1
    assert str(here.port) in second.errors() and "listen" in second.errors()
    third_folder = tmp_path / "third"
    third_folder.mkdir()
    third = Gateway(third_folder, config={"admin": here.config["admin"]})
    assert third.wait(15) == 1 and str(here.admin_port) in third.errors()
    assert here.connect().echo().status == 0, "the first one is not disturbed"


@pytest.mark.parametrize("break_it, place, words", [
    (lambda text: text.replace("max_connections", "max_conections"), "sluice.yaml:{line}:", "max_connections"),
    (lambda text: text.replace("timeout: 5s", "timeout: soon", 1), "sluice.yaml:{line}:", "duration"),
    (lambda text: text + "\nnonsense: 1\n", "sluice.yaml:{line}:", "nonsense"),
    (lambda text: text.replace("service: friend", "service: freind", 1), "sluice.yaml:{line}:", "freind"),
    (lambda text: text + "\n  - [unclosed\n", "sluice.yaml:", ""),
], ids=["unknown key", "not a duration", "unknown section", "unknown service", "not yaml"])
def test_bad_configuration_is_64_with_file_line_and_column(gateway, tmp_path, break_it, place, words):
    here = gateway(limits={"max_connections": 100})
    good = here.config_path.read_text()
    bad = break_it(good)
    assert bad != good
    differing = [n for n, (a, b) in enumerate(
        zip(bad.splitlines(), good.splitlines() + [""] * 9), 1) if a != b]
    broken = tmp_path / "sluice.yaml"
    broken.write_text(bad)
    port, admin = free_port(), free_port()
    for command in ("run", "check"):
        failed = sluice(command, "--config", broken, "--policies", here.policies,
                        env={"SLUICE_LISTENERS_0_PORT": str(port), "SLUICE_ADMIN_PORT": str(admin)})
        said = failed.stdout + failed.stderr
        assert failed.returncode == 64, (command, said)
        # In a list of flow style the item may start on an earlier line; the line of the word wins.
        at = place.format(line=next((n for n in differing if bad.splitlines()[n - 1].strip()), 0))
        assert at in said and words in said, said
        assert re.search(r"sluice\.yaml:\d+:\d+: error: ", said), said
    assert not listens(port), "checked before a port is bound"


def test_a_bad_policy_is_64_too_and_every_error_is_told(gateway):
    here = gateway()
    here.write_policy("""\
apiVersion: sluice/v1
kind: PolicySet
metadata: {name: broken, version: "1"}
rate_limits:
  - {name: a, match: {action: [echo]}, key: [user], algorithm: token_bucket, limit: many, per: 1s}
  - {name: a, match: {action: [echo]}, key: [nobody], algorithm: token_bucket, limit: 1, per: 1s}
permissions:
  default: deny
  rules:
    - {name: b, effect: perhaps, action: ["*"]}
""")
    failed = sluice("check", "--config", here.config_path, "--policies", here.policies)
    said = failed.stdout + failed.stderr
    assert failed.returncode == 64, said
    for line in (5, 6, 10):
        assert re.search(rf"main\.yaml:{line}:\d+: error: ", said), (line, said)
    here.write_policy(policy())
    assert sluice("check", "--config", here.config_path, "--policies", here.policies).returncode == 0


def test_missing_key_file_or_policies_are_named(gateway, tmp_path):
    here = gateway()
    config = yaml.safe_load(here.config_path.read_text())
    config["identity"]["keys"][0]["secret_file"] = str(tmp_path / "no-such.key")
    broken = tmp_path / "sluice.yaml"
    broken.write_text(yaml.safe_dump(config, sort_keys=False))
    failed = sluice("run", "--config", broken, "--policies", here.policies)
    assert failed.returncode == 64 and "no-such.key" in failed.stderr
    # A demo makes keys of its own, so for `check` a key that is not there is no error.
    warned = sluice("check", "--config", broken, "--policies", here.policies)
    assert warned.returncode == 0 and "no-such.key" in warned.stdout + warned.stderr
    (tmp_path / "short.key").write_text("too short")
    config["identity"]["keys"][0]["secret_file"] = str(tmp_path / "short.key")
    broken.write_text(yaml.safe_dump(config, sort_keys=False))
    failed = sluice("check", "--config", broken, "--policies", here.policies)
    assert failed.returncode == 64 and "32" in failed.stdout + failed.stderr and "too short" not in failed.stdout
    failed = sluice("run", "--config", here.config_path, "--policies", tmp_path / "nowhere")
    assert failed.returncode == 64 and "nowhere" in failed.stdout + failed.stderr


def test_bad_usage_is_64_and_help_is_0():
    assert sluice("run", "--no-such-flag").returncode == 64
    assert sluice("no-such-command").returncode == 64
    for command in ([], ["run"], ["demo"], ["check"], ["reload"], ["services"], ["token", "issue"], ["token", "inspect"]):
        helped = sluice(*command, "--help")
        assert helped.returncode == 0 and "USAGE" in helped.stdout, command


def test_tokens_issued_by_the_tool_are_taken_and_inspected(gateway):
    here = gateway()
    issued = sluice("token", "issue", "--config", here.config_path, "--user", "dave", "--role", "member")
    assert issued.returncode == 0, issued.stderr
    token = issued.stdout.strip().splitlines()[-1]
    here.secrets.add(token)
    client = here.connect("dave", token=token)
    assert client.auth.data["user"] == "dave" and client.echo().status == 0
    shown = sluice("token", "inspect", token)
    assert shown.returncode == 0 and '"dave"' in shown.stdout and "HS256" in shown.stdout
    assert token.rsplit(".", 1)[1] not in shown.stdout, "the signature is what makes it a secret"
    assert sluice("token", "inspect", "nonsense").returncode != 0


def test_environment_variables_override_the_file(tmp_path, services, started):
    folder = tmp_path / "env"
    folder.mkdir()
    other = free_port()
    here = started(Gateway(folder, services=services.port, env={"SLUICE_LISTENERS_0_PORT": str(other)}))
    here.started()
    assert listens(other) and not listens(here.port)
    here.stop()


COMMAND = re.compile(r"^\s+(TOKEN=\$\(curl .*|curl .*|journalctl .*)$", re.M)


def test_the_demo_prints_three_commands_that_work_as_printed(tmp_path, journald, started):
    """What `make run` ends with, on other ports than a demo that may be running."""
    port, tcp, admin = free_port(), free_port(), free_port()
    demo = started(Process(
        "demo", journald.inside(
            "env", f"SLUICE_LISTENERS_0_PORT={port}", f"SLUICE_LISTENERS_1_PORT={tcp}",
            f"SLUICE_ADMIN_PORT={admin}", "bash", "-c", f"cd '{ROOT}' && exec '{SLUICE}' demo --policies policies"), tmp_path))
    until(lambda: (demo.check_running() or True) and len(COMMAND.findall(demo.errors() + demo.output())) >= 3, 20)
    commands = COMMAND.findall(demo.errors() + demo.output())
    assert len(commands) == 3, commands
    until(lambda: listens(port) and listens(admin))

    def connected():
        with urllib.request.urlopen(f"http://127.0.0.1:{admin}/v1/upstreams", timeout=5) as page:
            return all(one["connected_loops"] == one["loops"] for one in json.load(page)["instances"])
    until(connected, 20, "every loop has its links")
    assert listens(tcp) and f"TCP        127.0.0.1:{tcp}" in demo.errors() + demo.output()

    bob = Client(f"ws://127.0.0.1:{port}/ws", "json")
    assert bob.authenticate(bob.log_in("bob", "builder").data["token"]).status == 0

    def run(*lines):
        return subprocess.run(
            journald.inside("bash", "-euo", "pipefail", "-c", "\n".join(lines)), capture_output=True, text=True, timeout=30)
    logged_in = run(commands[0], 'echo "$TOKEN"')
    assert logged_in.returncode == 0 and logged_in.stdout.count(".") == 2, logged_in
    sent = run(commands[0], commands[1])
    assert sent.returncode == 0 and json.loads(sent.stdout)["id"], sent
    assert bob.push(envelopes.DELIVER).data["text"] == "hi"

    def told():
        read = run(commands[2])
        return read.returncode == 0 and "SLUICE_ACTION=message.send" in read.stdout and read.stdout
    until(told, 15, "the journal tells of the message")
    page = subprocess.run(["curl", "-sS", "-i", f"http://127.0.0.1:{port}/demo"], capture_output=True, text=True)
    assert " 200 " in page.stdout.splitlines()[0] and "WebSocket" in page.stdout
    bob.close()
    assert demo.stop(15) == 0
    token = logged_in.stdout.strip()
    everything = journald.export(f"_PID={demo.pid}").decode(errors="replace") + demo.errors() + demo.output()
    assert token not in everything and token.rsplit(".", 1)[1] not in everything


def test_the_demo_believes_nobody_elses_tokens(tmp_path, started):
    port, admin = free_port(), free_port()
    demo = started(Process(
        "demo", ["env", f"SLUICE_LISTENERS_0_PORT={port}", f"SLUICE_LISTENERS_1_PORT={free_port()}",
                 f"SLUICE_ADMIN_PORT={admin}", SLUICE, "demo",
                 "--policies", ROOT / "policies"], tmp_path, cwd=ROOT))
    # Not `listens`: while it starts, a probe listens there for a moment.
    until(lambda: (demo.check_running() or True) and "sluice: clients on" in demo.errors(), 20)
    client = Client(f"ws://127.0.0.1:{port}/ws", "json")
    assert client.authenticate(tokens.token("alice")).status == 401
    assert client.closed()[0] == 4500
    assert demo.stop() == 0


def test_a_thousand_connections_come_and_go_without_a_trace(gateway):
    """Maps, descriptors and memory are where they were."""
    here = gateway()
    descriptors = lambda: len(os.listdir(f"/proc/{here.pid}/fd"))
    for _ in range(20):
        here.connect("warm").close()
    here.check_empty()
    usual = until(descriptors)
    token = here.token("alice")
    for _ in range(20):
        group = [Client(here.url, CODECS[n % 2], token=token) for n in range(50)]
        assert here.json("/v1/state")["connections"] == 50
        for client in group:
            client.close()
        here.check_empty()
    until(lambda: descriptors() <= usual + 2, 10, "descriptors are given back")


def test_a_signal_right_after_ready_finds_the_gateway_prepared(tmp_path, started):
    """Whoever waits for /ready may signal at once: SIGHUP must not end the process, SIGTERM must drain it."""
    for number in range(5):
        folder = tmp_path / f"quick{number}"
        folder.mkdir()
        quick = started(Gateway(folder))
        until(quick._ready, 20, every=0.001)
        quick.signal(signal.SIGHUP)
        until(lambda: sum(quick.reloads().values()) == 1, 10, "the reload is done")
        assert quick.stop() == 0
        folder = tmp_path / f"stopped{number}"
        folder.mkdir()
        stopped = started(Gateway(folder))
        until(stopped._ready, 20, every=0.001)
        assert stopped.stop() == 0


def test_sigusr1_writes_the_state_of_everything_to_the_journal_and_serves_on(gateway):
    here = gateway()
    client = here.connect("alice")
    here.signal(signal.SIGUSR1)
    entry = until(lambda: here.journal("MESSAGE_ID=d620427bbfe44949ad605dde70c562b8"), 15)[0]
    assert '"connections":1' in entry["MESSAGE"] and '"users":1' in entry["MESSAGE"]
    client.echo("still here")
