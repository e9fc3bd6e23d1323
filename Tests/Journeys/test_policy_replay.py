"""`policy replay`: the requests it says would flip are those an independent model of the limit finds."""
import gzip
import json
import re
import subprocess
import threading

import pytest
import yaml
from websockets.exceptions import WebSocketException

from harness.gateway import limit, policy
from harness.processes import SLUICE, environment
from harness.waiting import until

SECOND = 1_000_000_000
IN_FORCE = limit("echo-limit", 4, "4s", burst=4)
CANDIDATE = limit("echo-limit", 2, "4s", burst=2)


def replay(here, candidate, *arguments, code=0, stdin=None, as_json=True):
    command = [SLUICE, "policy", "replay", candidate, "--config", here.config_path, *arguments]
    run = subprocess.run(
        here.journald.inside(*map(str, command), *(["--json"] if as_json else [])), input=stdin,
        capture_output=True, env=environment(), timeout=120)
    assert run.returncode == code, run.stderr.decode() + run.stdout.decode()
    return json.loads(run.stdout) if as_json else run.stdout.decode()


def write(folder, rules):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "policy.yaml").write_text(yaml.safe_dump(rules, sort_keys=False))
    return folder


def traffic(here):
    """Bursts of two users with pauses between, each call after the answer to the one before."""
    clients = [here.connect("alice", query="device=phone-1&platform=ios&app=chat"), here.connect("bob")]
    sent = 0

    def passes():
        nonlocal sent
        sent += 1
        return clients[0].echo("y").status == 0
    for burst in (6, 3, 8):
        for client in clients:
            for number in range(burst):
                client.echo("x" * (number + 1))
                sent += 1
        # Until the bucket has some of its tokens back: the next one passes.
        until(passes, 10, "alice may go on")
    entries = until(lambda: found if len(found := decided(here)) >= sent else None, 20, "all entries have come")
    assert len(entries) == sent
    assert {entry["SLUICE_WEIGHT"] for entry in entries} == {"1"}
    assert {entry["SLUICE_OUTCOME"] for entry in entries} == {"ok", "refused"}
    return entries


def decided(here):
    return here.journal("SLUICE_EVENT=request", "SLUICE_ACTION=echo")


def model(entries, count, seconds, burst):
    """Which requests a token bucket for each user refuses: nanoseconds, no rounding in their favour."""
    increment = -(-seconds * SECOND // count)
    tolerance = burst * increment
    full_at, refused = {}, set()
    order = sorted(entries, key=lambda e: (
        int(e["SLUICE_TIME_US"]), e["SLUICE_OUTCOME"] != "ok", e["SLUICE_CONNECTION_ID"],
        int(e["SLUICE_REQUEST_ID"].split("-")[1])))
    for entry in order:
        now = int(entry["SLUICE_TIME_US"]) * 1000
        level = max(full_at.get(entry["SLUICE_USER"], 0), now)
        if level + increment - now > tolerance:
            refused.add(entry["SLUICE_REQUEST_ID"])
        else:
            full_at[entry["SLUICE_USER"]] = level + increment
    return refused


def flips(result):
    """The requests that would flip, by the way they do."""
    assert result["flips_left_out"] == 0
    return ({flip["request"] for flip in result["flips"] if "refused_by_candidate" in flip},
            {flip["request"] for flip in result["flips"] if "refused_then" in flip})


@pytest.fixture
def past(own_journald, gateway, tmp_path):
    """A gateway that has served, its entries, and a candidate with half of the limit."""
    here = gateway(rules=policy(IN_FORCE, logging={"budget_per_second": 100_000}), journald=own_journald)
    entries = traffic(here)
    candidate = write(tmp_path / "candidate", policy(CANDIDATE))
    return here, entries, candidate


def test_exactly_the_requests_flip_that_an_independent_model_finds(past, tmp_path):
    here, entries, candidate = past
    then = {e["SLUICE_REQUEST_ID"] for e in entries if e["SLUICE_OUTCOME"] == "refused"}
    after = model(entries, 2, 4, 2)
    assert after - then, "the candidate refuses more"
    result = replay(here, candidate)
    assert flips(result) == (after - then, then - after)
    assert result["judged"]["requests"] == len(entries) + 2, "two connections were decided too"
    assert result["judged"]["users"] == 2 and not result["judged"]["estimate"]
    assert result["journal"]["starts"] == 1 and result["judged"]["warm_up_requests"] == 0
    (group,) = result["would_refuse"]
    assert group["rule"] == "echo-limit" and group["actions"] == {"echo": len(after - then)}
    wider = write(tmp_path / "wider", policy(limit("echo-limit", 100, "1s")))
    assert flips(replay(here, wider)) == (set(), then), "what was refused would pass, nothing else changes"


def test_the_policy_in_force_flips_nothing(past):
    here, entries, _ = past
    result = replay(here, here.policies, "--exit-code")
    assert result["flips"] == [] and result["judged"]["entries"] == len(entries) + 2
    assert result["judged"]["refused_then"] == result["judged"]["refused_by_candidate"] > 0
    assert "no request would be decided otherwise" in replay(here, here.policies, as_json=False)


def test_every_kind_of_journal_gives_the_same_answer(past, tmp_path):
    here, _, candidate = past

    def printed(kind):
        return subprocess.run(
            here.journald.inside("journalctl", "-o", kind, "-q", "--no-pager", "-t", "sluice"),
            check=True, capture_output=True, timeout=60).stdout
    export, lines = tmp_path / "journal.export", tmp_path / "journal.json"
    export.write_bytes(printed("export"))
    lines.write_bytes(printed("json"))
    subprocess.run(here.journald.inside("journalctl", "--flush"), check=True, timeout=60)
    files = sorted((here.journald.folder / "journal").rglob("*.journal"))
    assert files, "the journal is on disk"
    ways = {
        "system": replay(here, candidate),
        "directory": replay(here, candidate, "--directory", files[0].parent),
        "files": replay(here, candidate, *(part for file in files for part in ("--file", file))),
        "export": replay(here, candidate, "--file", export),
        "json": replay(here, candidate, "--file", lines),
        "standard input": replay(here, candidate, "--file", "-", stdin=export.read_bytes()),
    }
    expected = ways["system"]
    assert expected["flips"]
    for way, result in ways.items():
        assert result["flips"] == expected["flips"], way
        assert result["judged"] == expected["judged"], way
    broken = tmp_path / "broken.json"
    broken.write_bytes(b"no entry\n" + lines.read_bytes() + b'{"SLUICE_EVENT": "request", ')
    damaged = replay(here, candidate, "--file", broken)
    assert damaged["flips"] == expected["flips"] and damaged["journal"]["unreadable"] == 2


def test_a_part_of_the_past_is_judged_after_a_warm_up(past):
    here, entries, candidate = past
    times = sorted(int(entry["SLUICE_TIME_US"]) for entry in entries)
    middle = times[len(times) // 2] // 1_000_000
    whole = replay(here, candidate)
    stamp = subprocess.run(
        ["date", "-u", "-d", f"@{middle}", "+%Y-%m-%dT%H:%M:%SZ"], check=True, capture_output=True, text=True)
    part = replay(here, candidate, "--since", stamp.stdout.strip())
    assert [f for f in whole["flips"] if f["time_us"] >= middle * 1_000_000] == part["flips"]
    assert 0 < part["judged"]["requests"] < whole["judged"]["requests"]


def test_the_report_is_for_people_and_the_exit_code_for_scripts(past, tmp_path):
    here, _, candidate = past
    text = replay(here, candidate, "--exit-code", code=1, as_json=False)
    assert re.search(r"^would flip: \d+ requests \(\d+\.\d %\), of \d users", text, re.M), text
    assert "passed, would be refused by" in text and "echo-limit" in text and "over time" in text
    guess = policy(CANDIDATE, limit("guessing", 5, "60s", actions=("auth.login",), key=("login",)))
    unknown = replay(here, write(tmp_path / "guess", guess))["not_known"]
    assert any("guessing" in one["text"] and "login.user" in one["text"] for one in unknown)
    missing = replay(here, candidate, "--file", tmp_path / "nothing", code=1, as_json=False)
    assert missing == ""


def test_a_request_of_the_past_is_explained(past):
    here, entries, candidate = past
    refused = next(entry for entry in entries if entry["SLUICE_OUTCOME"] == "refused")

    def explain(*arguments, request=refused["SLUICE_REQUEST_ID"]):
        run = subprocess.run(
            here.journald.inside(
                SLUICE, "policy", "explain", "--from-journal", request, "--config", here.config_path, *arguments),
            capture_output=True, env=environment(), timeout=120)
        return run.returncode, run.stdout.decode(), run.stderr.decode()
    code, text, _ = explain("--policies", candidate, "--was", here.policies)
    assert code == 0
    assert "then: refused by echo-limit" in text and ", the one then in force" in text
    assert ", another than then" in text
    assert "used 4 of 4" in text and "used 2 of 2" in text and "not known" not in text
    code, _, error = explain("--policies", candidate, request="0123456789abcdef-1")
    assert code == 1 and "SLUICE_REQUEST_ID" in error
    code, _, error = explain("--policies", candidate, "--file", here.config_path)
    assert code == 1 and f"cannot read {here.config_path}: there is no journal entry in it" in error


def test_what_is_no_journal_is_an_error(past, tmp_path):
    here, _, candidate = past
    picture, packed, nothing = tmp_path / "picture.png", tmp_path / "export.gz", tmp_path / "nothing"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
    packed.write_bytes(gzip.compress(b"__REALTIME_TIMESTAMP=1700000000000000\nMESSAGE=hi\n\n"))
    nothing.write_bytes(b"")
    for wrong in (here.config_path, picture, packed, nothing, tmp_path):
        run = subprocess.run(
            here.journald.inside(SLUICE, "policy", "replay", candidate, "--config", here.config_path, "--file", wrong),
            capture_output=True, env=environment(), timeout=60)
        assert (run.returncode, run.stdout) == (1, b"") and f"cannot read {wrong}: " in run.stderr.decode(), wrong
    # Whoever asks for entries that are not there gets none: that is no error.
    empty = subprocess.run(
        here.journald.inside("journalctl", "-o", "export", "-q", "--no-pager", "-t", "nobody"), check=True,
        capture_output=True, timeout=60).stdout
    assert "there is no entry of the gateway" in replay(here, candidate, "--file", "-", stdin=empty, as_json=False)
    other = tmp_path / "other.json"
    other.write_bytes(subprocess.run(
        here.journald.inside("journalctl", "-o", "json", "--no-pager", "-t", "nobody"), check=True,
        capture_output=True, timeout=60).stdout or b"-- No entries --\n")
    assert replay(here, candidate, "--file", other)["journal"]["unreadable"] == 0


def test_the_gateway_says_that_it_has_started_before_it_takes_anybody(own_journald, gateway):
    def knock(here):
        """The first client there can be: it knocks while the gateway starts."""
        def let_in():
            try:
                return here.connect("alice")
            except WebSocketException:
                return None
        until(let_in, 20, "the first client is let in", every=0)

    knocking = []

    def config(here):
        knocking.append(threading.Thread(target=knock, args=[here], daemon=True))
        knocking[0].start()
        return {}
    here = gateway(config=config, journald=own_journald)
    knocking[0].join(20)
    assert here.clients[0].echo().status == 0
    (started,) = until(lambda: here.journal("MESSAGE_ID=d620427bbfe44949ad605dde70c562b1"), 20, "the start is told")
    opened = until(lambda: here.journal("SLUICE_EVENT=open"), 20, "the connection is told")
    assert int(started["SLUICE_TIME_US"]) <= int(opened[0]["SLUICE_TIME_US"])
