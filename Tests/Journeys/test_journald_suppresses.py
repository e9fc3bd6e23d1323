"""journald takes few entries of a unit and throws the rest away: the operator sees how many on a dashboard."""
import pytest
from harness.clients import CODECS
from harness.gateway import policy
from harness.journald import Journald
from harness.waiting import until

METRIC = "sluice_journald_suppressed_total"


def has_metric(here):
    return any(family == METRIC for family, _ in here.metrics())


def test_suppressed_entries_are_counted(tmp_path, unit, gateway, started):
    if not unit.groups:
        pytest.skip("no control group can be made here, so there are no units")
    journald = started(Journald(tmp_path, RateLimitIntervalSec="1s", RateLimitBurst="20"))
    here = gateway(rules=policy(logging={"budget_per_second": 100_000}), journald=journald, unit=unit)
    until(lambda: has_metric(here), 20, "the journal is read")
    clients = [here.connect("alice", codec) for codec in CODECS]
    for turn in range(500):
        for client in clients:
            client.echo(turn)

    def counted():
        # journald tells with the next entry it takes after its interval: some go on coming.
        clients[0].echo("more")
        notices = journald.entries("MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e")
        told = sum(int(notice["N_DROPPED"]) for notice in notices)
        return told > 0 and here.metric(METRIC) == told
    until(counted, 30, "the metric is what journald says")
    kept = len(here.journal("SLUICE_ACTION=echo"))
    assert 0 < kept < 1_000, "journald limits the unit"
    assert here.metric("sluice_log_dropped_total") == 0, "none was lost on this side"


def test_a_process_outside_of_units_is_not_limited_and_says_zero(gateway):
    here = gateway()
    until(lambda: has_metric(here), 20, "the journal is read")
    assert here.metric(METRIC) == 0


def test_without_journald_there_is_no_metric_and_one_line_says_so(gateway):
    here = gateway(journald=None, journal="journald")
    here.connect("alice").echo()
    assert not has_metric(here)
    quiet = gateway(journald=None, journal="stderr")
    quiet.connect("alice").echo()
    assert not has_metric(quiet)
    assert METRIC not in quiet.errors(), "who chose lines needs no advice"
