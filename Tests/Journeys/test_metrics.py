"""Metrics: a real Prometheus reads them, promtool finds no fault, and they equal what clients counted."""
import subprocess

from harness import envelopes
from harness.clients import CODECS
from harness.gateway import limit, parse_metrics, policy
from harness.processes import Process
from harness.proxies import binary, shipped
from harness.waiting import free_port, listens, until


def busy(here):
    """A bit of everything; returns what the clients counted: (action, outcome) -> requests."""
    counted = {}

    def note(action, reply):
        outcome = "ok" if reply.status == 0 else "refused" if reply.status < 500 else "error"
        counted[action, outcome] = counted.get((action, outcome), 0) + 1
    for codec in CODECS:
        # Users without friends: presence would push to those.
        alice, bob = here.connect("dora", codec), here.connect("emil", codec)
        for _ in range(7):
            note("echo", alice.echo())
        for _ in range(3):
            note("message.send", alice.request(envelopes.SEND, {"to": "emil", "text": "x"}))
        for _ in range(4):
            note("friend.list", bob.request(envelopes.FRIENDS, {}))
        for cmd in (31_001, 31_002, envelopes.DELIVER):
            note("unknown", bob.request(cmd, {}))
    return counted


def test_prometheus_counts_what_the_clients_counted(gateway, prometheus):
    here = gateway(rules=policy(limit("echo-limit", 10, "1h", burst=10)))
    server = prometheus(here)
    counted = busy(here)
    assert counted["echo", "refused"] == 4 and counted["unknown", "refused"] == 6
    for (action, outcome), expected in counted.items():
        query = f'sluice_requests_total{{action="{action}",outcome="{outcome}"}}'
        until(lambda: server.value(query) == expected, 10, f"{query} is {expected}")
    # Each in its time: a scrape that fails, or one before a push, shows something else.
    for query, expected in {
            'sluice_rate_limit_decisions_total{rule="echo-limit",decision="refuse"}': 4,
            'sluice_rate_limit_decisions_total{rule="echo-limit",decision="allow"}': 10,
            'sluice_connections{transport="websocket"}': 4,
            'sluice_request_duration_seconds_count{action="message.send"}': 6,
            'sluice_push_total{class="must",result="delivered"}': 3 + 6,  # per connection
            "sluice_sessions": 4}.items():
        until(lambda: server.value(query) == expected, 10, f"{query} is {expected}")
    until(lambda: server.query("sluice_policy_info"))
    for client in here.clients:
        client.close()
    until(lambda: server.value('sluice_connections{transport="websocket"}') == 0)
    for query in ('sluice_connections_closed_total{transport="websocket",reason="client_closed"}',
                  'sluice_connections_opened_total{transport="websocket"}'):
        until(lambda: server.value(query) == 4, 10, f"{query} is 4")
    # Every family Prometheus took came with its help text and type.
    told = {row["metric"]: row for row in server.metadata() if row["metric"].startswith("sluice_")}
    assert told and all(row["help"] and row["type"] != "unknown" for row in told.values())


def test_promtool_finds_no_fault(gateway):
    here = gateway(rules=policy(limit("echo-limit", 10, "1h")))
    busy(here)
    status, page, headers = here.get("/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    checked = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert parse_metrics(page)


def test_openmetrics_by_accept_header(gateway):
    here = gateway()
    here.connect().echo()
    accept = ("application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
              "text/plain;version=0.0.4;q=0.3,*/*;q=0.2")
    status, page, headers = here.get("/metrics", accept)
    assert status == 200 and headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert page.endswith("# EOF\n") and "# TYPE sluice_requests counter" in page
    assert 'sluice_requests_total{' in page


def test_labels_hold_nothing_a_client_invents(gateway):
    here = gateway()
    client = here.connect("mallory-the-user", query="device=device-of-mallory&app=app-of-mallory")
    client.echo("x", topic="topic-of-mallory")
    for cmd in range(20_000, 20_050):
        client.request(cmd, {})
    here.curl("/path-of-mallory")
    page = here.get("/metrics")[1]
    assert "mallory" not in page and "20001" not in page
    assert here.metric("sluice_requests_total", action="unknown") == 50


def test_the_admin_interface(gateway):
    here = gateway()
    assert here.get("/healthz")[0] == 200
    assert here.get("/ready")[0] == 200
    assert here.get("/nowhere")[0] == 404
    assert here.curl("/metrics", "-X", "POST", port=here.admin_port)[0] == 405
    assert here.curl("/metrics", "-H", "Host: evil.example", port=here.admin_port)[0] in (400, 403, 421)
    said = here.json("/v1/policy")
    assert len(said["revision"]) == 64 and "members-may-talk" in said["rules"]
    assert {one["service"] for one in here.json("/v1/upstreams")["instances"]} == {"user", "message", "friend"}
    assert set(here.json("/v1/state").values()) == {0}
    for path in ("/metrics", "/v1/state"):
        assert here.curl(path)[0] == 404, "the operator's pages are not for clients"


def test_behind_haproxy_another_machine_reads_metrics_and_nothing_else(gateway, tmp_path, started):
    here = gateway()
    port = free_port()
    (tmp_path / "haproxy.cfg").write_text(
        shipped("haproxy/metrics.cfg", port9902=port, port9901=here.admin_port))
    proxy = started(Process("haproxy", [binary("haproxy"), "-db", "-f", tmp_path / "haproxy.cfg"], tmp_path))
    until(lambda: (proxy.check_running() or True) and listens(port), 15, "HAProxy listens")

    def asked(path, *arguments):
        status, _, body = here.curl(path, "-H", "Host: gateway.example", *arguments, port=port)
        return status, body
    status, page = asked("/metrics")
    assert status == 200 and b"sluice_build_info{" in page
    for path in ("/v1/state", "/v1/policy", "/metrics/..", "/v1/users/alice/connections"):
        assert asked(path, "--path-as-is")[0] == 403, path
    for method in ("POST", "DELETE", "PUT"):
        assert asked("/metrics", "-X", method)[0] == 403, method
