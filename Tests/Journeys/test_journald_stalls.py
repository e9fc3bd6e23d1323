"""journald stands still under load: clients do not notice, memory stays, losses are counted."""
import time

from harness.gateway import policy
from harness.load import Load
from harness.waiting import until

WINDOW_SECONDS = 4.0


def test_a_stopped_journald_costs_no_latency_and_bounded_memory(gateway, own_journald):
    rules = policy(logging={"budget_per_second": 20_000, "reserve_per_second": 500})
    here = gateway(rules=rules, journald=own_journald)
    load = Load(here, [f"user{n}" for n in range(20)], depth=2)

    def replies(seconds):
        """Lets the load run; returns the window's two ends."""
        start, before = time.monotonic(), load.outcome.answered
        until(lambda: time.monotonic() - start > seconds and load.outcome.answered > before, seconds + 20)
        return start, time.monotonic()

    try:
        replies(1.0)  # warm up
        calm = replies(WINDOW_SECONDS)
        memory = here.memory_bytes()
        dropped_before = here.metric("sluice_log_dropped_total")
        own_journald.pause()
        # First its socket fills, then the rings; from then on entries are lost, and counted.
        until(lambda: here.metric("sluice_log_dropped_total") > dropped_before, 60, "drops are counted")
        stalled = replies(WINDOW_SECONDS)
        grown = here.memory_bytes() - memory
        lost = here.metric("sluice_log_dropped_total")
        own_journald.go_on()
        until(lambda: here.metric("sluice_log_entries_total", result="sent") > 0)
        sent = here.metric("sluice_log_entries_total", result="sent")
        until(lambda: here.metric("sluice_log_entries_total", result="sent") > sent + 100, 30, "entries flow again")
    finally:
        own_journald.go_on()
        outcome = load.finish()

    assert not outcome.problems and not outcome.closed and outcome.replies == {0: outcome.sent}
    # Latency: medians of two windows of one run. With a blocked loop it would be seconds.
    usual, during = (outcome.percentile(0.5, *window) for window in (calm, stalled))
    assert during < usual * 1.5 + 0.002, f"median {usual * 1e3:.2f} ms became {during * 1e3:.2f} ms"
    worst_usual, worst = (outcome.percentile(0.99, *window) for window in (calm, stalled))
    assert worst < worst_usual * 3 + 0.02, f"p99 {worst_usual * 1e3:.1f} ms became {worst * 1e3:.1f} ms"
    rate = lambda window: sum(window[0] <= when < window[1] for when, _ in outcome.latencies) / (window[1] - window[0])
    assert rate(stalled) > rate(calm) * 0.6, (rate(calm), rate(stalled))
    assert grown < 48 << 20, f"memory grew by {grown >> 20} MiB"
    assert lost > dropped_before
    last = until(lambda: here.journal("SLUICE_EVENT=request", "SLUICE_ACTION=echo")[-1:], 15)
    assert last[0]["SLUICE_USER"].startswith("user")


def test_a_gateway_stops_in_time_though_journald_stands_still(gateway, own_journald):
    here = gateway(journald=own_journald)
    client = here.connect("alice")
    own_journald.pause()
    for _ in range(300):
        client.echo()
    client.close()
    here.check_empty()
    began = time.monotonic()
    assert here.stop(20) == 0
    assert time.monotonic() - began < 12, "the end waited for journald"
