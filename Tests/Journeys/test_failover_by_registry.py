"""Instances that a real Consul, or the DNS, tells of: one is killed, one hangs, the registry goes, all under load."""
import signal

import pytest
from harness.consul import Consul, binary
from harness.load import Load
from harness.name_server import NameServer
from harness.processes import Services
from harness.waiting import free_port, until

USERS = [f"user{n}" for n in range(40)]
PACE = 0.02  # 40 connections, one request each 20 ms at most: 2,000 a second where the machine allows it
NAME = "message.example"


class InConsul:
    needs = pytest.mark.skipif(binary() is None, reason="Consul is missing: run .ci/install test")

    def __init__(self, folder, instances):
        self.consul = Consul(folder)
        for one in instances:
            self.consul.register("message", one.port)

    query = {"consul": {"service": "message"}}

    @property
    def registries(self):
        return {"consul": {"address": self.consul.address}}

    def kill(self):
        self.consul.kill()

    def stop(self):
        self.consul.stop()


class InDNS:
    needs = ()
    query = {"dns": {"name": NAME, "min_ttl": "200ms", "type": "srv"}}

    def __init__(self, folder, instances):
        self.server = NameServer([("host.example", "a", "127.0.0.1", 1), *(
            (NAME, "srv", (1, 1, one.port, "host.example"), 1) for one in instances)])

    @property
    def registries(self):
        return {"dns": {"servers": [self.server.address]}}

    def kill(self):
        self.server.stop()

    def stop(self):
        self.server.stop()


@pytest.mark.parametrize("registry", [
    pytest.param(kind, marks=kind.needs, id=kind.__name__.removeprefix("In").lower()) for kind in (InConsul, InDNS)])
def test_one_is_killed_one_hangs_the_registry_dies_and_retry_safe_commands_notice_nothing(
        gateway, services, started, tmp_path, registry):
    three = [started(Services(tmp_path, free_port(), f"message{n}")) for n in range(3)]
    told = registry(tmp_path, three)

    def config(here):
        for service in here.config["services"]:
            if service["name"] == "message":
                del service["instances"]
                service["discovery"] = told.query
                service["retry"] = {"per_try_timeout": "2s"}
                # One of three is left in the end, and that must not be taken for a reason to ask all again.
                service["health"] = {"outliers": {"consecutive_errors": 5, "ejection": "60s"}, "panic_threshold": 0}
        return {"registries": told.registries}
    here = gateway(services=services.port, config=config, commands={
        "echo": {"ordered": False, "retry_safe": True, "timeout": "30s"}})

    def states():
        return {one["instance"].rsplit(":")[-1]: one["state"] for one in here.json("/v1/upstreams")["instances"]
                if one["service"] == "message"}
    try:
        until(lambda: set(states().values()) == {"ready"} and len(states()) == 3)
        load = Load(here, USERS, pace=PACE)
        try:
            until(lambda: load.outcome.answered > 1_000, 20)
            three[0].signal(signal.SIGKILL)
            until(lambda: states().get(str(three[0].port)) in ("down", None), 15)
            done = load.outcome.answered
            until(lambda: load.outcome.answered > done + 1_000, 20)
            three[1].signal(signal.SIGSTOP)
            until(lambda: here.metric("sluice_upstream_ejections_total", reason="consecutive_errors") >= 2, 30,
                  "both loops have ejected it")
            until(lambda: states().get(str(three[1].port)) != "ready", 15)
            tries = here.metric("sluice_upstream_retries_total", reason="per_try_timeout")
            told.kill()
            until(lambda: not here.json("/v1/upstreams")["sources"][0]["up"], 30)
            done = load.outcome.answered
            until(lambda: load.outcome.answered > done + 2_000, 30)
        finally:
            outcome = load.finish()
            three[1].signal(signal.SIGCONT)
        assert set(outcome.replies) == {0}, outcome.replies
        assert not outcome.problems and not outcome.closed and outcome.answered == outcome.sent, outcome.problems[:3]
        assert 0 < tries <= here.metric("sluice_upstream_retries_total") < outcome.sent / 10
    finally:
        told.stop()
