"""Instances that die, hang, restart and answer badly: clients of a service with several notice little."""
import itertools
import signal
import time

import pytest
from harness.fake_service import FakeService
from harness.load import Load
from harness.processes import Services
from harness.waiting import free_port, until

USERS = [f"user{n}" for n in range(40)]
PACE = 0.02  # 40 connections, one request each 20 ms at most: 2,000 a second where the machine allows it


@pytest.fixture
def trio(tmp_path, started):
    """Three instances of the demo services."""
    return [started(Services(tmp_path, free_port(), f"message{n}")) for n in range(3)]


def failing_over(trio, services, **settings):
    """Arguments of a gateway with these three behind `message`, and more keys for that service."""
    ports = [one.port for one in trio]

    def config(here):
        listed = here.config["services"]
        for service in listed:
            if service["name"] == "message":
                service.update(settings)
        return {"services": listed}

    return {"services": {"user": [services.port], "friend": [services.port], "message": ports}, "config": config}


def echo(retry_safe, **more):
    return {"echo": {"ordered": False, "retry_safe": retry_safe, **more}}


def instance(here, port):
    return next(one for one in here.json("/v1/upstreams")["instances"]
                if one["service"] == "message" and one["instance"].endswith(f":{port}"))


def test_when_an_instance_is_killed_no_client_of_a_retry_safe_command_sees_an_error(gateway, services, trio):
    here = gateway(**failing_over(trio, services), commands=echo(True))
    load = Load(here, USERS, pace=PACE)
    try:
        until(lambda: load.outcome.answered > 2_000, 20)
        trio[0].kill()
        until(lambda: instance(here, trio[0].port)["state"] == "down", 10)
        answered = load.outcome.answered
        until(lambda: load.outcome.answered > answered + 2_000, 20)
    finally:
        outcome = load.finish()
    assert not outcome.problems and not outcome.closed, (outcome.problems[:3], outcome.closed)
    assert set(outcome.replies) == {0}, outcome.replies
    assert outcome.answered == outcome.sent


def test_when_an_instance_is_killed_other_commands_lose_at_most_what_was_in_flight(gateway, services, trio):
    here = gateway(**failing_over(trio, services), commands=echo(False))
    load = Load(here, USERS, pace=PACE)
    try:
        until(lambda: load.outcome.answered > 1_000, 20)
        trio[0].kill()
        answered = load.outcome.answered
        until(lambda: load.outcome.answered > answered + 1_000, 20)
    finally:
        outcome = load.finish()
    assert set(outcome.replies) <= {0, 503} and outcome.replies.get(503, 0) <= len(USERS), outcome.replies
    assert here.metric("sluice_upstream_retries_total", reason="connection_lost") == 0


def test_an_instance_that_hangs_is_ejected_and_the_latency_recovers(gateway, services, trio):
    health = {"outliers": {"consecutive_errors": 5, "ejection": "60s"}}
    here = gateway(**failing_over(trio, services, health=health), commands=echo(False, timeout="4s"))
    load = Load(here, USERS, pace=PACE)
    try:
        until(lambda: load.outcome.answered > 1_000, 20)
        trio[1].signal(signal.SIGSTOP)
        until(lambda: here.metric("sluice_upstream_ejections_total", reason="consecutive_errors") == 2, 20,
              "both loops have ejected it")
        shown = instance(here, trio[1].port)
        until(lambda: instance(here, trio[1].port)["in_flight"] == 0, 20, "what had been sent to it before has timed out")
        settled = time.monotonic()
        answered = load.outcome.answered
        until(lambda: load.outcome.answered > answered + 2_000, 20)
    finally:
        outcome = load.finish()
    assert shown["state"] == "ejected" and 50_000 < shown["ejected_ms"] <= 60_000, shown
    assert set(outcome.replies) <= {0, 504}, outcome.replies
    after = outcome.percentile(0.99, since=settled)
    assert after < 3.5, (after, "it costs 4 s to ask the one that hangs")
    until(lambda: [one for one in here.journal("SLUICE_EVENT=upstream", "SLUICE_INSTANCE=" + shown["instance"])
                   if "is ejected for 60000 ms: consecutive_errors" in one["MESSAGE"]], 10)


def test_a_hanging_instance_costs_a_retry_safe_command_one_try(gateway, services, trio):
    retry = {"per_try_timeout": "200ms", "budget": 1}
    here = gateway(**failing_over(trio, services, retry=retry), commands=echo(True, timeout="30s"))
    load = Load(here, USERS, pace=PACE)
    try:
        until(lambda: load.outcome.answered > 1_000, 20)
        trio[2].signal(signal.SIGSTOP)
        until(lambda: here.metric("sluice_upstream_retries_total", reason="per_try_timeout") > 0, 10)
        answered = load.outcome.answered
        until(lambda: load.outcome.answered > answered + 1_000, 20)
    finally:
        outcome = load.finish()
        trio[2].signal(signal.SIGCONT)
    assert set(outcome.replies) == {0}, outcome.replies
    assert outcome.percentile(1.0) < 15, "nobody waited for the command's timeout of 30 s"


def test_a_rolling_restart_of_all_instances_shows_nobody_an_error(gateway, services, trio, tmp_path, started):
    here = gateway(**failing_over(trio, services), commands=echo(True))
    load = Load(here, USERS, pace=PACE)
    try:
        until(lambda: load.outcome.answered > 500, 20)
        for number, old in enumerate(trio):
            old.stop()
            until(lambda: instance(here, old.port)["connected_loops"] == 0, 10)
            started(Services(tmp_path, old.port, f"restarted{number}"))
            until(lambda: instance(here, old.port)["connected_loops"] == 2, 10, "both loops are connected again")
            answered = load.outcome.answered
            until(lambda: load.outcome.answered > answered + 300, 20)
    finally:
        outcome = load.finish()
    assert not outcome.problems and not outcome.closed, (outcome.problems[:3], outcome.closed)
    assert set(outcome.replies) == {0}, outcome.replies


def test_the_journal_counts_the_attempts_of_a_call(gateway, services, trio):
    mute = FakeService()
    ports = {"user": [services.port], "friend": [services.port], "message": [mute.port, trio[0].port]}
    here = gateway(services=ports, commands=echo(True))
    client = here.connect("alice", "protobuf")
    seq = 0
    while not mute.calls:
        seq += 1
        client.send(100, "x", seq=seq)
        assert seq < 20
        until(lambda: mute.calls or here.metric("sluice_upstream_requests_total", service="message", outcome="ok") >= seq)
    mute.drop_links()
    assert client.reply(seq).status == 0, "the other instance answered"
    until(lambda: [one for one in here.journal("SLUICE_EVENT=request") if one.get("SLUICE_ATTEMPTS") == "2"])
    assert here.metric("sluice_upstream_retries_total", service="message", reason="connection_lost") == 1
    mute.stop()


def test_a_breaker_opens_refuses_at_once_and_closes_again(gateway, services):
    mute = FakeService()
    ports = {"user": [services.port], "friend": [services.port], "message": [mute.port]}

    def config(here):
        listed = here.config["services"]
        listed[-1]["breaker"] = {"min_requests": 5, "open": "4s", "probes": 1}
        return {"services": listed}

    here = gateway(services=ports, config=config, commands=echo(False, timeout="200ms"), loops=1)
    client = here.connect("alice")
    for seq in range(1, 6):
        client.send(100, "x", seq=seq)
    assert {client.reply(seq).status for seq in range(1, 6)} == {504}
    assert here.metric("sluice_upstream_breaker_state", service="message") == 2
    asked = len(mute.calls)
    assert client.echo().status == 503 and len(mute.calls) == asked, "nobody was asked"
    mute.answer = lambda call: call.reply_json(b'"well"')
    until(lambda: client.echo().status == 0, 30)
    assert here.metric("sluice_upstream_breaker_state", service="message") == 0
    until(lambda: {"the breaker of message is open", "the breaker of message is closed"} <= {
        one["MESSAGE"] for one in here.journal("SLUICE_EVENT=upstream")}, 10)
    mute.stop()


def test_how_calls_from_before_a_breaker_opened_end_is_no_probe_s_outcome(gateway, services):
    mute = FakeService()
    ports = {"user": [services.port], "friend": [services.port], "message": [mute.port]}

    def config(here):
        listed = here.config["services"]
        listed[-1]["breaker"] = {"min_requests": 5, "open": "300ms", "probes": 1}
        return {"services": listed}

    here = gateway(services=ports, config=config, commands=echo(False, timeout="20s"), loops=1)
    client = here.connect("alice")
    for seq in range(1, 8):
        client.send(100, "x", seq=seq)
    calls = until(lambda: len(mute.calls) == 7 and list(mute.calls))
    for call in calls[2:]:
        call.reply(b"\xff")
    assert {client.reply(seq).status for seq in range(3, 8)} == {502}
    state = lambda: here.metric("sluice_upstream_breaker_state", service="message")
    assert state() == 2

    numbers = itertools.count(100)

    def passes():
        """The number of a call that the service gets; it answers none by itself."""
        seq = next(numbers)
        client.send(100, "probe", seq=seq)
        until(lambda: len(mute.calls) == 8 or client.reply(seq, 0.01).status == 503)
        return len(mute.calls) == 8 and seq
    seq = until(passes)
    calls[0].reply_json(b'"late"')
    assert client.reply(1).status == 0, "its caller has the answer"
    assert state() == 1 and client.echo().status == 503, "the probe is under way still"
    mute.calls[7].reply_json(b'"well"')
    assert client.reply(seq).status == 0
    until(lambda: state() == 0)
    mute.stop()
