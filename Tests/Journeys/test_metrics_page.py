"""The metrics page itself: exemplars, compression, what it costs, and a budget that is spent."""
import gzip
import threading
import urllib.request
from pathlib import Path

from harness.bulk import flood
from harness.clients import CODECS
from harness.gateway import limit, parse_metrics, policy
from harness.waiting import until

OPEN_METRICS = "application/openmetrics-text;version=1.0.0"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_an_exemplar_leads_from_a_latency_to_the_request_in_the_journal(gateway, prometheus):
    here = gateway()
    server = prometheus(here)
    client = here.connect("alice")
    for _ in range(5):
        client.echo("x", trace=TRACE)
    page = here.get("/metrics", OPEN_METRICS)[1]
    lines = [line for line in page.splitlines() if " # {" in line]
    assert lines and all(line.startswith("sluice_request_duration_seconds_bucket{") for line in lines)
    assert " # {" not in here.get("/metrics")[1], "0.0.4 knows no exemplars"
    found = until(
        lambda: [one for one in server.exemplars('sluice_request_duration_seconds_bucket{action="echo"}')
                 if "trace_id" in one], 15, "Prometheus keeps exemplars")
    assert found[0]["trace_id"] == TRACE.split("-")[1]
    (entry,) = until(lambda: here.journal(f"SLUICE_REQUEST_ID={found[0]['request_id']}"), 15)
    assert entry["SLUICE_ACTION"] == "echo" and entry["SLUICE_TRACE_ID"] == TRACE.split("-")[1]


def test_a_page_is_compressed_for_those_who_take_gzip(gateway):
    here = gateway()
    # It comes when the journal has been opened.
    until(lambda: any(name == "sluice_journald_suppressed_total" for name, _ in here.metrics()), 20)
    here.connect().echo()

    def fetch(coding):
        request = urllib.request.Request(
            f"http://127.0.0.1:{here.admin_port}/metrics", headers={"Accept-Encoding": coding})
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.headers["Content-Encoding"], answer.read()
    coding, packed = fetch("gzip, br")
    assert coding == "gzip"
    plain = gzip.decompress(packed)
    assert len(packed) < len(plain) / 4
    assert parse_metrics(plain.decode()).keys() == parse_metrics(here.get("/metrics")[1]).keys()
    assert fetch("identity")[0] is None


def loop_cpu_nanoseconds(here):
    """CPU time of the event loops' threads so far."""
    total = 0
    for task in Path(f"/proc/{here.pid}/task").iterdir():
        if (task / "comm").read_text().startswith("NIO-ELT"):
            total += int((task / "schedstat").read_text().split()[0])
    return total


def test_a_scrape_costs_the_event_loops_little(gateway):
    """Five milliseconds are the bound; a page of thousands of series is made elsewhere."""
    rules = [limit(f"limit-{number}", 1_000, "1h", actions=("echo",), key=[]) for number in range(60)]
    here = gateway(rules=policy(*rules))
    for codec in CODECS:
        here.connect("alice", codec).echo()
    page = here.get("/metrics")[1]
    costs = []
    for _ in range(5):
        before = loop_cpu_nanoseconds(here)
        for _ in range(8):
            here.get("/metrics")
        costs.append((loop_cpu_nanoseconds(here) - before) / 8 / 1e6)
    cost = min(costs)
    print(f"{cost:.3f} ms of the loops for a page of {len(page)} bytes")
    assert cost < 5

    # Many at once: each gets a whole page.
    answers = []
    crowd = [threading.Thread(target=lambda: answers.append(here.metrics())) for _ in range(20)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert len(answers) == 20 and all(len(one) >= len(parse_metrics(page)) for one in answers)


def test_a_busy_loop_shows(gateway):
    here = gateway(rules=policy(logging={"budget_per_second": 1}))
    busiest = lambda: max(
        value for (family, _), value in here.metrics().items() if family == "sluice_event_loop_utilization")
    until(lambda: busiest() < 0.05, 30, "nothing to do")
    is_over = threading.Event()

    def load():
        while not is_over.is_set():
            flood(here, 40_000)
    worker = threading.Thread(target=load)
    worker.start()
    try:
        # How busy depends on how fast this machine makes messages.
        until(lambda: busiest() > 0.1, 60, "a loop is busy")
    finally:
        is_over.set()
        worker.join()
    until(lambda: busiest() < 0.05, 30, "and idle again")
    assert 0 <= busiest() <= 1


def test_a_policy_with_more_series_than_the_budget_is_told_and_overflows_in_sight(gateway):
    few = [limit("first", 1_000, "1h", actions=("echo",), key=[])]
    many = few + [limit(f"limit-{number}", 1_000, "1h", actions=("echo",), key=[]) for number in range(60)]
    here = gateway(rules=policy(*few), config={"telemetry": {"journal": "auto", "metrics_series": 200}})
    said = "d620427bbfe44949ad605dde70c562ba"
    assert not here.journal(f"MESSAGE_ID={said}"), "a few rules fit"
    here.write_policy(policy(*many))
    here.reload()
    (warning,) = until(lambda: here.journal(f"MESSAGE_ID={said}"), 10)
    assert "telemetry.metrics_series is 200" in warning["MESSAGE"] and warning["PRIORITY"] == "4"
    assert any("metrics_series" in line for line in here.json("/v1/policy")["reload"]["warnings"])
    here.connect("alice").echo()
    here.connect("bob", "protobuf").echo()
    # Every decision is counted: what found no room of its own is under `_overflow`.
    assert here.metric("sluice_rate_limit_decisions_total", decision="allow") + here.metric(
        "sluice_rate_limit_decisions_total", rule="_overflow", decision="_overflow") >= 2 * len(many)
    assert here.metric("sluice_rate_limit_decisions_total", rule="_overflow") > 0
    assert here.metric("sluice_metrics_overflow_total") > 0
