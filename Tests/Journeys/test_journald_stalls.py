"""journald stands still under load: clients do not notice, memory stays, losses are counted."""
import time

from harness.gateway import policy
from harness.load import Load
from harness.waiting import until

WINDOW_SECONDS = 2.0
ROUNDS = 3


def test_a_stopped_journald_costs_no_latency_and_bounded_memory(own_journald, gateway):  # ends before it
    rules = policy(logging={"budget_per_second": 20_000, "reserve_per_second": 500})
    here = gateway(rules=rules, journald=own_journald)
    load = Load(here, [f"user{n}" for n in range(20)], depth=2)
    dropped = lambda: here.metric("sluice_log_dropped_total")
    sent = lambda: here.metric("sluice_log_entries_total", result="sent")

    def window(seconds=WINDOW_SECONDS):
        """Lets the load run; returns the window's two ends."""
        start, before = time.monotonic(), load.outcome.answered
        until(lambda: time.monotonic() - start > seconds and load.outcome.answered > before, seconds + 20)
        return start, time.monotonic()

    calm, stalled = [], []
    # The best window of each side: with a loop that waits for journald it would be seconds.
    best = lambda share, windows: min(load.outcome.percentile(share, *one) for one in windows)
    is_close = lambda share, times, plus: best(share, stalled) < best(share, calm) * times + plus
    try:
        window(1.0)  # warm up
        memory = here.memory_bytes()
        # In turns, so that whatever else the machine does falls on both sides.
        for turn in range(4 * ROUNDS):
            calm.append(window())
            lost = dropped()
            own_journald.pause()
            # First its socket fills, then the rings; from then on entries are lost, and counted.
            until(lambda: dropped() > lost, 60, "drops are counted")
            stalled.append(window())
            assert here.memory_bytes() - memory < 48 << 20, "memory grew while journald stood still"
            written = sent()
            own_journald.go_on()
            until(lambda: sent() > written + 100, 30, "entries flow again")
            # A machine that was busy with something else gets more rounds.
            if turn + 1 >= ROUNDS and is_close(0.5, 1.5, 0.002) and is_close(0.99, 3, 0.02):
                break
    finally:
        own_journald.go_on()
        outcome = load.finish()

    assert not outcome.problems and not outcome.closed and outcome.replies == {0: outcome.sent}
    assert is_close(0.5, 1.5, 0.002), f"median {best(0.5, calm) * 1e3:.2f} ms became {best(0.5, stalled) * 1e3:.2f} ms"
    assert is_close(0.99, 3, 0.02), f"p99 {best(0.99, calm) * 1e3:.1f} ms became {best(0.99, stalled) * 1e3:.1f} ms"
    # An entry that stands for many others names nobody.
    named = until(
        lambda: [e for e in here.journal("SLUICE_EVENT=request", "SLUICE_ACTION=echo") if "SLUICE_USER" in e], 15)
    assert named[-1]["SLUICE_USER"].startswith("user")


def test_a_gateway_stops_in_time_though_journald_stands_still(own_journald, gateway):  # ends after the gateway that writes to it
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
