"""A million requests, faster than journald takes entries: none is forgotten, and no refusal is lost among them."""
import subprocess
import threading

from harness import envelopes
from harness.bulk import flood
from harness.gateway import limit, policy
from harness.journald import Journald
from harness.waiting import until

TOTAL = 1_000_000


def weights(journald, gateway, *matches):
    """(entries, sum of their weights) so far: a value a line, since a million JSON objects would take minutes."""
    found = subprocess.run(
        journald.inside(
            "journalctl", "-o", "cat", "--output-fields=SLUICE_WEIGHT", "--no-pager", "-q",
            f"_PID={gateway.pid}", *matches),
        check=True, capture_output=True, text=True, timeout=120).stdout.split()
    return len(found), sum(map(int, found))


def test_weights_and_counted_losses_are_all_requests(tmp_path, gateway, started):
    journald = started(Journald(tmp_path, SystemMaxUse="2G"))
    refused_limit = limit("friends-limit", 1, "1h", burst=1, actions=("friend.list",))
    # Every request wants an entry (a machine that serves more than the budget skips a few), and journald takes a tenth.
    here = gateway(
        rules=policy(refused_limit, logging={"budget_per_second": 1_000_000, "reserve_per_second": 500}),
        journald=journald)
    mallory = here.connect("mallory")
    assert mallory.request(envelopes.FRIENDS, {}).status == 0
    refusals, is_over = 0, threading.Event()

    def be_refused():
        nonlocal refusals
        # A pause between two keeps it under the reserve, and what waits while journald stands still within the ring's.
        while not is_over.wait(0.02):
            assert mallory.request(envelopes.FRIENDS, {}, timeout=60).status == 429
            refusals += 1
    other = threading.Thread(target=be_refused)
    other.start()
    try:
        flood(here, TOTAL)
    finally:
        is_over.set()
        other.join()
    assert here.metric("sluice_requests_total", action="echo", outcome="ok") == TOTAL
    for client in here.clients:
        client.close()
    here.check_empty()
    # The last entries are on their way, and what the lost ones stood for is told after a second or two.
    until(lambda: weights(journald, here, "SLUICE_ACTION=echo", "SLUICE_OUTCOME=ok")[1] == TOTAL, 90,
          "the entries stand for all requests", every=0.5)
    # Written, thrown away because a ring was full, or over the budget: nothing else can happen to a request.
    dropped = here.metric("sluice_log_dropped_total")
    skipped = here.metric("sluice_log_entries_total", result="sampled")
    lost = here.metric("sluice_log_entries_total", result="dropped_full")
    assert here.stop(30) == 0
    journald.sync()
    entries, stood_for = weights(journald, here, "SLUICE_ACTION=echo", "SLUICE_OUTCOME=ok")
    print(f"{TOTAL} requests: {entries} entries that stand for {stood_for}, {dropped:.0f} lost and {skipped:.0f} skipped, counted")
    assert stood_for == TOTAL
    assert dropped == lost > 0, "journald was faster than this machine can send"
    # What was lost is told by the entries after it, and a few rests at the end.
    assert TOTAL <= entries + dropped + skipped < TOTAL + 1_000
    found, stood_for = weights(journald, here, "SLUICE_RULE=friends-limit", "SLUICE_OUTCOME=refused")
    assert found == stood_for == refusals > 0, "a refusal was lost in the flood"
    assert not here.journal("MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e"), "journald suppressed some"
