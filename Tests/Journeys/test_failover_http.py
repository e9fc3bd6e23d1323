"""Instances of a service on HTTP links that die, hang and answer badly: as little is noticed as on native ones."""
import json
import signal
import threading

import pytest
from harness.http_backend import HTTPBackend
from harness.load import Load
from harness.processes import PythonService
from harness.waiting import until

USERS = [f"user{n}" for n in range(20)]
PACE = 0.02
SAFE = {"echo": {"ordered": False, "retry_safe": True}}
NOT_SAFE = {"echo": {"ordered": False, "retry_safe": False}}


@pytest.fixture
def trio(tmp_path, started):
    return [started(PythonService("http_service.py", tmp_path)) for _ in range(3)]


@pytest.fixture
def linked(gateway):
    """make(instances, service keys): a gateway whose `message` service is theirs, by HTTP."""
    made = []

    def make(*instances, settings=None, **more):
        made.extend(one for one in instances if isinstance(one, HTTPBackend))
        service = {"name": "message", "link": "http", "base_path": "/commands",
                   "instances": [f"127.0.0.1:{one.port}" for one in instances],
                   "backoff": {"min": "20ms", "max": "100ms"}, **(settings or {})}

        def config(here):
            return {"services": [*(one for one in here.config["services"] if one["name"] != "message"), service]}
        return gateway(config=config, **more)

    yield make
    for one in made:
        one.close()
    assert [one.problems for one in made] == [[]] * len(made)


def shown(here, one):
    return next(found for found in here.json("/v1/upstreams")["instances"]
                if found["instance"] == f"127.0.0.1:{one.port}")


def retries(here, reason):
    return here.metric("sluice_upstream_retries_total", service="message", reason=reason)


def more_answers(load, count):
    """Waits until so many more requests have their reply."""
    wanted = load.outcome.answered + count
    until(lambda: load.outcome.answered > wanted, 30)


def kill_with_calls(here, one):
    """kill -9, in the midst of some calls."""
    one.signal(signal.SIGSTOP)
    until(lambda: shown(here, one)["in_flight"] > 0, 10)
    one.signal(signal.SIGKILL)


def test_when_an_instance_is_killed_no_client_of_a_retry_safe_command_sees_an_error(linked, trio):
    here = linked(*trio, commands=SAFE)
    load = Load(here, USERS, pace=PACE)
    try:
        more_answers(load, 500)
        kill_with_calls(here, trio[0])
        until(lambda: shown(here, trio[0])["state"] == "down", 10)
        more_answers(load, 500)
    finally:
        outcome = load.finish()
    assert not outcome.problems and not outcome.closed, (outcome.problems[:3], outcome.closed)
    assert set(outcome.replies) == {0} and outcome.answered == outcome.sent, outcome.replies
    assert retries(here, "connection_lost") > 0


def test_when_an_instance_is_killed_other_commands_lose_at_most_what_was_in_flight(linked, trio):
    here = linked(*trio, commands=NOT_SAFE)
    load = Load(here, USERS, pace=PACE)
    try:
        more_answers(load, 500)
        kill_with_calls(here, trio[0])
        more_answers(load, 500)
    finally:
        outcome = load.finish()
    assert set(outcome.replies) == {0, 503} and outcome.replies[503] <= len(USERS), outcome.replies
    assert retries(here, "connection_lost") == 0


def test_a_rolling_restart_shows_no_client_of_a_retry_safe_command_an_error(linked, trio, tmp_path, started):
    here = linked(*trio, commands=SAFE)
    load = Load(here, USERS, pace=PACE)
    try:
        for old in trio:
            more_answers(load, 200)
            assert old.stop() == 0
            until(lambda: shown(here, old)["state"] == "down", 10)
            started(PythonService("http_service.py", tmp_path, port=old.port))
            until(lambda: shown(here, old)["state"] == "ready", 10)
    finally:
        outcome = load.finish()
    assert set(outcome.replies) == {0} and not outcome.closed, (outcome.replies, outcome.closed)


def test_a_hanging_instance_costs_a_retry_safe_command_one_try(linked, trio):
    here = linked(*trio, settings={"retry": {"per_try_timeout": "200ms", "budget": 1}}, commands={"echo": {**SAFE["echo"], "timeout": "30s"}})
    load = Load(here, USERS, pace=PACE)
    try:
        more_answers(load, 300)
        trio[2].signal(signal.SIGSTOP)
        until(lambda: retries(here, "per_try_timeout") > 0, 10)
        more_answers(load, 500)
    finally:
        outcome = load.finish()
        trio[2].signal(signal.SIGCONT)
    assert set(outcome.replies) == {0}, outcome.replies
    assert outcome.percentile(1.0) < 15, "nobody waited for the command's timeout of 30 s"


def test_a_hanging_instance_is_ejected_and_comes_back(linked, trio):
    here = linked(*trio, commands={"echo": {**NOT_SAFE["echo"], "timeout": "300ms"}}, loops=1, settings={
        "health": {"outliers": {"consecutive_errors": 3, "ejection": "1s"}}, "balance": {"by": "round_robin"}})
    load = Load(here, USERS, pace=PACE)
    try:
        more_answers(load, 300)
        trio[1].signal(signal.SIGSTOP)
        until(lambda: shown(here, trio[1])["state"] == "ejected", 10)
        trio[1].signal(signal.SIGCONT)
        until(lambda: shown(here, trio[1])["state"] == "ready", 10)
        more_answers(load, 200)
    finally:
        outcome = load.finish()
    assert set(outcome.replies) == {0, 504}, outcome.replies
    assert here.metric("sluice_upstream_ejections_total", service="message", reason="consecutive_errors") >= 1
    told = lambda: [one["MESSAGE"] for one in here.journal(  # noqa: E731
        "SLUICE_EVENT=upstream", f"SLUICE_INSTANCE=127.0.0.1:{trio[1].port}")]
    until(lambda: any("is ejected for" in one for one in told()) and any(one.endswith("gets calls again") for one in told()), 10)


def saying(status):
    """A handler that reads the request and answers nothing but this status."""
    def handle(request, connection):
        request.body = b"".join(connection.body(request))
        connection.answer(status)
    return handle


@pytest.mark.parametrize("said, command, status", [
    (503, SAFE, 0), (500, SAFE, 0), (302, SAFE, 0),
    (504, SAFE, 504), (404, SAFE, 1404),
    (503, NOT_SAFE, 503), (500, NOT_SAFE, 502),
    (503, {"echo": {"ordered": True, "retry_safe": True}}, 503),
])
def test_an_instance_that_can_not_serve_is_one_of_two_where_that_is_safe(linked, said, command, status):
    ill, well = HTTPBackend(saying(said)), HTTPBackend()
    here = linked(ill, well, commands=command, loops=1, settings={
        "balance": {"by": "round_robin"}, "retry": {"budget": 1}, "health": {"outliers": {"consecutive_errors": 0}}})
    # Ordered requests of one session go to one instance: several sessions find both.
    seen = {here.connect(f"user{number}").echo().status for number in range(16)}
    assert ill.requests and seen == {0, status}
    asked_twice = len(ill.requests) if status == 0 else 0
    assert retries(here, "bad_answer") == asked_twice
    assert len(well.requests) + len(ill.requests) == 16 + asked_twice


def test_what_is_asked_again_is_the_same_request_with_the_time_that_is_left(linked):
    def slow(request, connection):
        request.body = b"".join(connection.body(request))
        threading.Event().wait(0.05)
        connection.answer(503)
    ill, well = HTTPBackend(slow), HTTPBackend()
    here = linked(ill, well, settings={"balance": {"by": "round_robin"}}, commands=SAFE, loops=1)
    client = here.connect("alice")
    until(lambda: client.request(100, {"n": 1}, key="once", topic="room").status == 0 and ill.requests, 10)
    first, second = ill.requests[-1], well.requests[-1]
    told = ("sluice-user", "sluice-session", "sluice-seq", "sluice-topic", "idempotency-key", "content-type")
    assert [first[name] for name in told] == [second[name] for name in told]
    assert json.loads(first.body) == {"n": 1} and first.body == second.body
    assert first.target == second.target == "/commands/echo"
    assert (first["host"], second["host"]) == (f"127.0.0.1:{ill.port}", f"127.0.0.1:{well.port}")
    assert int(second["sluice-deadline-ms"]) <= int(first["sluice-deadline-ms"]) - 50
    entry = until(lambda: [one for one in here.journal("SLUICE_ACTION=echo") if one.get("SLUICE_ATTEMPTS") == "2"], 10)[0]
    assert entry["SLUICE_INSTANCE"] == f"127.0.0.1:{well.port}"


def test_without_a_budget_a_bad_answer_is_the_answer(linked):
    ill, well = HTTPBackend(saying(503)), HTTPBackend()
    here = linked(ill, well, settings={"balance": {"by": "round_robin"}, "retry": {"budget": 0}}, commands=SAFE, loops=1)
    client = here.connect("alice")
    assert {client.echo().status for _ in range(6)} == {0, 503}
    assert here.metric("sluice_limit_exceeded_total", limit="retry_budget") == len(ill.requests)


def test_a_breaker_opens_probes_with_one_request_and_closes(linked):
    statuses = [503]

    def handle(request, connection):
        request.body = b"".join(connection.body(request))
        connection.answer(statuses[0])
    one = HTTPBackend(handle)
    here = linked(one, settings={"breaker": {"min_requests": 5, "open": "4s", "probes": 1}}, commands=NOT_SAFE, loops=1)
    client = here.connect("alice")
    assert {client.echo().status for _ in range(5)} == {503}
    assert here.metric("sluice_upstream_breaker_state", service="message") == 2
    asked = len(one.requests)
    assert client.echo().status == 503 and len(one.requests) == asked, "nobody was asked"
    statuses[0] = 200
    until(lambda: client.echo().status == 0, 20)
    assert len(one.requests) == asked + 1
    assert here.metric("sluice_upstream_breaker_state", service="message") == 0


def test_an_instance_s_breaker_takes_it_out_and_brings_it_back_by_a_probe(linked):
    statuses = [500]

    def handle(request, connection):
        request.body = b"".join(connection.body(request))
        connection.answer(statuses[0])
    ill, well = HTTPBackend(handle), HTTPBackend()
    # Half of all calls fail, and all of one instance: its breaker opens, not the service's.
    here = linked(ill, well, commands=NOT_SAFE, loops=1, settings={
        "breaker": {"failure_rate": 0.7, "min_requests": 5, "open": "4s", "probes": 1},
        "balance": {"by": "round_robin"}, "health": {"outliers": {"consecutive_errors": 0}}})
    client = here.connect("alice")
    until(lambda: client.echo() and shown(here, ill)["state"] == "ejected", 10)
    asked = len(ill.requests)
    assert here.metric("sluice_upstream_ejections_total", service="message", reason="breaker") == 1
    assert here.metric("sluice_upstream_breaker_state", service="message") == 0, "that of the service is closed"
    statuses[0] = 200
    until(lambda: client.echo().status == 0 and len(ill.requests) >= asked + 3, 20)
    assert shown(here, ill)["state"] == "ready"
    steps = lambda: [one["MESSAGE"].rpartition(" ")[2] for one in here.journal("SLUICE_EVENT=upstream")  # noqa: E731
                     if one["MESSAGE"].startswith(f"the breaker of message 127.0.0.1:{ill.port} is")]
    until(lambda: steps() == ["open", "half_open", "closed"], 10)
