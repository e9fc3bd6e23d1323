"""The gateway in a real Consul: it comes, says that it lives, is forgotten and comes back, and leaves before it drains."""
import signal
import time

import pytest
from harness.consul import Consul, binary
from harness.waiting import free_port, listens, until

pytestmark = pytest.mark.skipif(binary() is None, reason="Consul is missing: run .ci/install test")


@pytest.fixture
def registry(tmp_path):
    folder = tmp_path / "consul"
    folder.mkdir()
    made = Consul(folder)
    yield made
    made.stop()


def registering(registry, **more):
    """The configuration that registers; names of the nodes differ by their ports."""
    return lambda here: {
        "node": f"gw-{here.port}",
        "registries": {"consul": {"address": registry.address}},
        "register": {"registry": "consul", "ttl": "1500ms", "weight": 70, "tags": ["chat"], **more}}


def registered(registry):
    """Healthy gateways by port."""
    return {one["Service"]["Port"]: one for one in registry.instances("sluice")}


def gateways(here):
    return {one["node"]: one for one in here.json("/v1/gateways")["gateways"]}


def test_two_gateways_register_and_know_each_other(gateway, registry):
    one, two = gateway(config=registering(registry)), gateway(config=registering(registry))
    found = until(lambda: registered(registry).keys() == {one.port, two.port} and registered(registry))
    service = found[one.port]["Service"]
    assert (service["ID"], service["Address"]) == (f"sluice-gw-{one.port}-{one.port}", "127.0.0.1")
    assert service["Weights"]["Passing"] == 70 and service["Tags"] == ["chat"]
    meta = service["Meta"]
    assert meta["node"] == f"gw-{one.port}" and meta["tcp_port"] == str(one.tcp_port) and meta["version"]
    assert meta["connections"] == "0"
    clients = [one.connect(f"user{n}") for n in range(12)]
    until(lambda: registered(registry)[one.port]["Service"]["Meta"]["connections"] == "12", 60)
    names = {f"gw-{one.port}", f"gw-{two.port}"}
    seen = until(lambda: gateways(two).keys() == names and gateways(two)[f"gw-{one.port}"]["connections"] == 12
                 and gateways(two), 60)
    other = seen[f"gw-{one.port}"]
    assert other["address"] == f"127.0.0.1:{one.port}" and other["tcp_port"] == one.tcp_port and other["weight"] == 70
    assert seen[f"gw-{two.port}"]["listeners"], "this node shows more of itself"
    until(lambda: one.metric("sluice_registered", registry="consul") == 1)
    for client in clients:
        client.close()


def test_a_gateway_that_drains_leaves_before_its_doors_close(gateway, registry):
    one, two = gateway(config=registering(registry), drain="2s"), gateway(config=registering(registry))
    until(lambda: registered(registry).keys() == {one.port, two.port})
    client = one.connect("alice")
    one.signal(signal.SIGTERM)
    until(lambda: not listens(one.port))
    assert one.port not in registered(registry), "when the door is closed the registry knows"
    until(lambda: registered(registry).keys() == {two.port})
    until(lambda: gateways(two).keys() == {f"gw-{two.port}"})
    client.close()
    assert one.wait() == 0
    texts = [entry["MESSAGE"] for entry in one.journal("SLUICE_EVENT=gateway") if entry["MESSAGE_ID"].endswith("e4")]
    assert texts[0].startswith("registered ") and texts[-1].startswith("deregistered "), texts


def test_a_gateway_that_is_killed_counts_as_dead_when_its_ttl_has_passed(gateway, registry):
    one = gateway(config=registering(registry))
    until(lambda: registered(registry).keys() == {one.port})
    one.kill()
    until(lambda: not registered(registry))


def test_a_registry_that_forgets_is_told_again_and_one_that_is_away_stops_nothing(gateway, registry):
    one = gateway(config=registering(registry))
    until(lambda: registered(registry).keys() == {one.port})
    registry.kill()
    until(lambda: one.metric("sluice_registered", registry="consul") == 0)
    assert one.connect("alice").echo().status == 0
    registry.start()
    until(lambda: registered(registry).keys() == {one.port}, 20)
    # Taken out by hand: the next sign of life notices.
    registry.deregister(f"sluice-gw-{one.port}-{one.port}")
    until(lambda: registered(registry).keys() == {one.port}, 20)
    registry.kill()
    assert one.stop() == 0, "it stops although nobody can be told"
    assert "cannot deregister" in one.journal("SLUICE_EVENT=gateway")[-1]["MESSAGE"]


def test_a_registry_that_hangs_does_not_keep_the_gateway(gateway, registry):
    one = gateway(config=registering(registry))
    until(lambda: registered(registry).keys() == {one.port})
    registry.process.signal(signal.SIGSTOP)
    began = time.monotonic()
    assert one.stop() == 0
    assert time.monotonic() - began < 9, "3 s for the registry, and what a stop takes besides"


def test_a_registry_that_is_away_from_the_start_is_told_when_it_comes(gateway, registry):
    registry.kill()
    one = gateway(config=registering(registry))
    assert one.connect("alice").echo().status == 0 and one.json("/v1/gateways")["gateways"][0]["ready"] is True
    registry.start()
    until(lambda: registered(registry).keys() == {one.port}, 20)


def test_what_cannot_be_told_is_said_before_anything_starts(gateway, registry):
    from harness.processes import sluice
    here = gateway(config=lambda here: {"node": "x"})
    here.config["listeners"][0]["address"] = "0.0.0.0"
    here.config["listeners"][0]["port"] = free_port()
    here.config["register"] = {"registry": "consul"}
    here.rewrite_config()
    made = sluice("check", "--config", here.config_path, "--policies", here.policies)
    assert made.returncode == 64 and "write its IP address or name in `register.address`" in made.stdout + made.stderr
