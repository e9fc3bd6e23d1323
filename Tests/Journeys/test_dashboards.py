"""A scripted day before a real Prometheus, sixty times faster than the clock (harness/rules.py): then every panel of every
dashboard has had data, and every alert has fired and cleared. SLUICE_DASHBOARD_PNGS=folder keeps the day's pictures.
"""
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness import rules
from harness.admin import Admin
from harness.admin import settings as admin_settings
from harness.certificates import Authority
from harness.consul import Consul, binary
from harness.day import Day
from harness.day import rules as day_rules
from harness.groups import COMMAND, Groups
from harness.journald import Journald
from harness.keys import KeySource, jwk, make
from harness.processes import ROOT, Services
from harness.prometheus import Prometheus
from harness.recording import RecordingService
from harness.waiting import free_port, until

sys.path.insert(0, str(ROOT / "dashboards"))

import panels  # noqa: E402
import prometheus as asking  # noqa: E402

# journald limits units alone. Where no control group can be made there are none, and promtool alone shows that the alert
# fires and clears (dashboards/tests).
NEED_UNITS = {("JournaldSuppressing", "warning")}
FLAT_WITHOUT_UNITS = {("runtime", "Entries journald suppressed")}
STEP = 0.5  # seconds between two points of a panel
RATE_INTERVAL = "4s"


def listeners(here, authority):
    """The usual two, one with TLS, one behind PROXY headers."""
    here.tls_port, here.proxied_port = free_port(), free_port()
    pair = authority.issue("localhost")
    return [
        *here.config["listeners"],
        {"name": "tls", "address": "127.0.0.1", "port": here.tls_port, "tls": {"certificates": [pair.listed]}},
        {"name": "proxied", "protocol": "tcp", "address": "127.0.0.1", "port": here.proxied_port, "proxy_protocol": True}]


def behind(groups, registry):
    """Keys for a gateway that registers in Consul, finds `user` there and `group` in the DNS; `friend` has a breaker."""
    def config(here):
        services = {one["name"]: one for one in here.config["services"]}
        del services["user"]["instances"]
        services["user"]["discovery"] = {"consul": {"service": "user"}}
        services["friend"]["breaker"] = {"min_requests": 5, "window": "2s", "open": "500ms", "probes": 1}
        return {
            "node": f"gw-{here.port}", "services": [*services.values(), groups.service],
            "commands": [*here.config["commands"], COMMAND],
            "registries": {
                "consul": {"address": registry.address}, "dns": {"servers": [groups.server.address]}, "hold": "10m"},
            "register": {"registry": "consul", "ttl": "1500ms"}}
    return config


def small_budget(gateway, server):
    """A gateway that may show few series counts what it could not show. It goes home early."""
    for codec in ("json", "protobuf"):
        for door in (gateway.connect("dora", codec), gateway.tcp("dora", codec)):
            door.echo()
            door.request(31_001, {})
            door.close()
    until(lambda: server.value("sum(sluice_metrics_overflow_total)"), 20, "the budget of series is spent")
    gateway.finish()


@pytest.fixture
def sources(started):
    """A service whose speed the day sets, and a key source with the key it signs with."""
    friend = RecordingService(delay=0.02)
    source = started(KeySource(free_port()))
    signer = make("RS256")
    source.show(jwk(signer, "RS256", "rotating"))
    yield friend, source, signer
    friend.stop()


@pytest.fixture
def registries(tmp_path):
    """A service that the DNS knows, and a Consul."""
    (tmp_path / "consul").mkdir()
    groups, registry = Groups(), Consul(tmp_path / "consul")
    yield groups, registry
    registry.stop()
    groups.stop()


@pytest.fixture
def limiting_journald(tmp_path):
    """A journald that takes some thousand entries of a unit within two seconds, and of other processes all."""
    real = Journald(tmp_path, RateLimitIntervalSec="2s", RateLimitBurst="500")
    yield real
    real.go_on()
    real.stop()


@pytest.fixture
def day(tmp_path, limiting_journald, unit, started, sources, registries, gateway):
    """A day that is over: its times, its marks, and the Prometheus that saw it."""
    friend, source, signer = sources
    groups, registry = registries
    user = started(Services(tmp_path, free_port(), "user"))
    message = [started(Services(tmp_path, free_port(), f"message{number}")) for number in range(2)]
    authority = Authority(tmp_path / "certificates")
    for folder in ("admin", "prometheus"):
        (tmp_path / folder).mkdir()
    registry.register("user", user.port, check=False)
    found = behind(groups, registry)
    common = {
        "services": {"user": [user.port], "message": [one.port for one in message], "friend": [friend.port]},
        "journald": limiting_journald, "rules": day_rules(), "drain": "4s", "commands": {"friend.list": {"timeout": "2s"}}}
    first = gateway(
        **common, admin=admin_settings(tmp_path / "admin"),
        limits={"max_outbox_bytes": 65536, "max_in_flight_per_link": 32},
        config=lambda it: {
            **found(it), "listeners": listeners(it, authority), "trusted_proxies": ["127.0.0.0/8"],
            "identity": {**it.config["identity"], "jwks": {"url": source.url, "refresh": "1s"}}})
    second = gateway(**common, config=found, unit=unit if unit.groups else None)
    third = gateway(**common, config=lambda it: {**found(it), "telemetry": {"journal": "auto", "metrics_series": 100}})
    nodes = {f"gateway-{number}": one.admin_port for number, one in enumerate((first, second, third), 1)}
    server = started(Prometheus(tmp_path / "prometheus", nodes, rules.write_faster(tmp_path), scrape="1s", every="250ms"))
    it = Day((first, second), server, friend, groups, registry, Admin(first), signer, authority, limiting_journald)
    try:
        it.open()
        small_budget(third, server)
        it.refusals()
        it.many_keys()
        it.broken_reload()
        it.half_a_rollout()
        it.slow_service()
        it.lost_instances(message, lambda port: started(Services(tmp_path, port, f"again{port}")))
        it.registries_fail(lambda: registry.register("user", user.port, check=False))
        it.services_fail()
        if unit.groups:
            it.journald_limits()
        it.journald_stalls()
        it.slow_reader()
        it.starved()
        it.few_descriptors()
        it.end_of_shadow()
        it.mark("calm again")
        until(lambda: not server.firing(), 120, "every alert clears", every=0.1)
        it.drain()
    finally:
        it.close()
    it.end = time.time()
    return it


def answers(day):
    """(dashboard, panel, query, rows over the day) of every query of every panel."""
    server = asking.Prometheus(day.server.url)
    for dashboard in panels.dashboards():
        variables = {one["name"]: one.get("allValue", ".*") for one in dashboard.body["templating"]["list"]}
        variables["__rate_interval"] = RATE_INTERVAL
        for panel in dashboard.panels:
            for query in panel.queries:
                if not panels.metrics(query.expression) & panels.METRICS_TO_COME:
                    yield dashboard, panel, query, server.over(query.for_prometheus(variables), day.begin, day.end, STEP)


def silent_panels(day):
    """What no query of a panel ever had a value for, and panels that never showed more than 0."""
    empty, most = [], {}
    for dashboard, panel, query, rows in answers(day):
        known = [value for _, _, values in rows for value in values if value is not None]
        if not known:
            empty.append(f"{dashboard.path.name}: {panel.title}: {query.expression}")
        place = dashboard.path.stem, panel.title
        most[place] = max(most.get(place, 0), *known, 0)
    return empty, {place for place, value in most.items() if value == 0}


def unknown_metrics(day):
    """Names in dashboards and rules that no gateway of the day showed."""
    shown = asking.Prometheus(day.server.url).names()
    asked = {name for one in panels.dashboards() for panel in one.panels for query in panel.queries
             for name in panels.metrics(query.expression)}
    asked |= {name for path in (ROOT / "dashboards/rules").glob("*.yaml") for name in panels.metrics(path.read_text())}
    return asked - shown - panels.METRICS_TO_COME


def fired(day):
    """(alert, severity) of all that fired at some time of the day."""
    # Any sample counts: some alerts fire for less than the step of a panel.
    query = f'count_over_time(ALERTS{{alertstate="firing"}}[{math.ceil(day.end - day.begin)}s])'
    rows = asking.Prometheus(day.server.url).over(query, day.end, day.end, STEP)
    return {(labels["alertname"], labels["severity"]) for labels, _, _ in rows}


def draw(day, folder):
    marks = [part for when, text in day.marks for part in ("--mark", f"{when}={text}")]
    return subprocess.run(
        [sys.executable, ROOT / "dashboards/render", "--prometheus", day.server.url, "--start", str(day.begin),
         "--end", str(day.end), "--since-start", "--rate-interval", RATE_INTERVAL, *marks, "--out", folder],
        capture_output=True, text=True, timeout=600)


@pytest.mark.skipif(binary() is None, reason="Consul is missing: run .ci/install test")
def test_within_a_day_every_panel_has_data_and_every_alert_fires_and_clears(day, unit, tmp_path):
    assert not unknown_metrics(day), "the gateway shows no such metric"
    empty, flat = silent_panels(day)
    assert not empty, "panels without data:\n" + "\n".join(empty)
    assert flat == (set() if unit.groups else FLAT_WITHOUT_UNITS), "panels that show 0 all day"
    seen = fired(day)
    assert rules.alerts() - seen == (set() if unit.groups else NEED_UNITS), "alerts that did not fire"
    until(lambda: not day.server.firing(), 60, "no alert is left")
    folder = Path(os.environ.get("SLUICE_DASHBOARD_PNGS") or tmp_path / "pictures").absolute()
    drawn = draw(day, folder)
    assert drawn.returncode == 0, drawn.stderr
    for dashboard in panels.dashboards():
        assert (folder / f"{dashboard.path.stem}.png").read_bytes().startswith(b"\x89PNG"), dashboard.title


def test_the_drawing_program_says_what_is_wrong(tmp_path):
    nobody = f"http://127.0.0.1:{free_port()}"
    made = subprocess.run(
        [sys.executable, ROOT / "dashboards/render", "--prometheus", nobody, "--out", tmp_path], capture_output=True, text=True)
    assert made.returncode == 1 and made.stderr.startswith(f"render: {nobody}: ") and "Traceback" not in made.stderr


def test_rules_are_made_faster_and_nothing_else():
    text = "groups: [{name: g, rules: [{alert: A, for: 10m, expr: 'rate(x_total[5m]) > 0.5 and y[6h:15s] offset 45s > 1h2'}]}]"
    made = rules.faster(text)
    assert "rate(x_total[5000ms]) > 0.5 and y[15000ms:250ms] offset 750ms > 1h2" in made and "for: 10000ms" in made
