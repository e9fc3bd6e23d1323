"""Nacos's open API: the gateway and the official Python client (nacos-sdk-python) against one server of our own.

What the client registers the gateway finds, and what the gateway registers the client lists: so both mean the same by
the API. No real Nacos was there to ask.
"""
import signal
import urllib.error

import nacos
import pytest
from harness import envelopes
from harness.fake_service import FakeService
from harness.load import Load
from harness.nacos import Nacos
from harness.waiting import listens, until

# The client's own.
pytestmark = pytest.mark.filterwarnings("ignore:ssl:DeprecationWarning")


@pytest.fixture
def servers():
    made = []

    def make(kind, *arguments, **more):
        made.append(kind(*arguments, **more))
        return made[-1]
    yield make
    for one in made:
        one.stop()


def echo(call):
    call.reply(envelopes.classes()["Envelope"](
        kind=1, payload=call.envelope.payload, format=call.envelope.format).SerializeToString())


def client_of(registry, namespace="", **more):
    return nacos.NacosClient(registry.address, namespace=namespace, **more)


def add(client, port, *, weight=1.0, cluster="DEFAULT", group="CHAT", metadata=None):
    assert client.add_naming_instance("message", "127.0.0.1", port, cluster_name=cluster, weight=weight, group_name=group,
                                      metadata=metadata)


def following(registry, query=None, **access):
    def config(here):
        for service in here.config["services"]:
            if service["name"] == "message":
                del service["instances"]
                service["discovery"] = {"nacos": {"service": "message", "group": "CHAT", **(query or {})}}
        return {"registries": {"nacos": {"address": registry.address, **access}}}
    return config


def known(here):
    return {one["instance"]: one for one in here.json("/v1/upstreams")["instances"] if one["service"] == "message"}


def connected(here, *ports):
    found = known(here)
    assert set(found) == {f"127.0.0.1:{port}" for port in ports}, found
    return all(one["connected_loops"] == one["loops"] for one in found.values())


def source(here):
    (one,) = here.json("/v1/upstreams")["sources"]
    return one


def test_the_official_client_registers_lists_beats_and_deregisters(servers):
    registry = servers(Nacos, user="nacos", password="nacos-password")
    client = client_of(registry, username="nacos", password="nacos-password")
    add(client, 9001, weight=0.5, metadata={"zone": "z1"})
    (host,) = client.list_naming_instance("message", group_name="CHAT")["hosts"]
    assert (host["ip"], host["port"], host["weight"], host["metadata"]) == ("127.0.0.1", 9001, 0.5, {"zone": "z1"})
    beat = client.send_heartbeat("message", "127.0.0.1", 9001, cluster_name="DEFAULT", group_name="CHAT")
    assert beat["code"] == 10200
    assert client.send_heartbeat("message", "127.0.0.1", 9, cluster_name="DEFAULT", group_name="CHAT")["code"] == 20404
    assert client.remove_naming_instance("message", "127.0.0.1", 9001, cluster_name="DEFAULT", group_name="CHAT")
    assert client.list_naming_instance("message", group_name="CHAT")["hosts"] == []
    with pytest.raises((nacos.NacosException, urllib.error.HTTPError)):
        client_of(registry, username="nacos", password="wrong").list_naming_instance("message")


def test_what_the_client_registers_the_gateway_calls_until_it_is_taken_out(gateway, services, servers):
    registry = servers(Nacos)
    first, second, third = (servers(FakeService, echo) for _ in range(3))
    client = client_of(registry)
    add(client, first.port, weight=2.0, metadata={"zone": "z1"})
    add(client, second.port, weight=0.5)
    add(client, third.port, group="OTHER")
    here = gateway(services=services.port, config=following(registry))
    until(lambda: connected(here, first.port, second.port))
    shown = known(here)
    one, two = shown[f"127.0.0.1:{first.port}"], shown[f"127.0.0.1:{second.port}"]
    assert (one["source"], one["weight"], one["zone"], two["weight"], two["zone"]) == ("nacos", 200, "z1", 50, "DEFAULT")
    load = Load(here, [f"user{n}" for n in range(6)], pace=0.002)
    asking = here.connect("alice")
    try:
        add(client, third.port)
        until(lambda: asking.request(envelopes.HISTORY, {"with": "bob"}).status == 0 and third.calls, 5, every=0)
        client.remove_naming_instance("message", "127.0.0.1", first.port, cluster_name="DEFAULT", group_name="CHAT")
        until(lambda: connected(here, second.port, third.port))
        port = registry.port
        registry.stop()
        until(lambda: not source(here)["up"])
        before = load.outcome.answered
        until(lambda: load.outcome.answered > before + 200)
        again = servers(Nacos, port)  # it knows nothing any more
        until(lambda: source(here)["held_back"] == 2, 20)
        assert connected(here, second.port, third.port) and again.requests
    finally:
        outcome = load.finish()
    assert set(outcome.replies) == {0} and not outcome.problems and not outcome.closed, outcome.replies


def test_group_cluster_namespace_and_beats_choose(gateway, services, servers):
    registry = servers(Nacos)
    wanted, other, silent = (servers(FakeService, echo) for _ in range(3))
    here_client = client_of(registry, namespace="prod")
    add(here_client, wanted.port, cluster="A")
    add(here_client, other.port, cluster="B")
    add(here_client, silent.port, cluster="A", metadata={"preserved.heart.beat.timeout": "1"})
    add(client_of(registry), other.port, cluster="A")
    here = gateway(services=services.port, config=following(registry, {"namespace": "prod", "clusters": ["A"]}))
    until(lambda: connected(here, wanted.port))


def test_the_login_is_repeated_when_its_token_ends_and_the_password_shows_nowhere(gateway, services, servers, tmp_path):
    registry = servers(Nacos, user="sluice", password="pass word&=", token_seconds=2)
    one = servers(FakeService, echo)
    add(client_of(registry, username="sluice", password="pass word&="), one.port)
    secret = tmp_path / "password"
    secret.write_text("pass word&=\n")
    before = registry.logins
    here = gateway(services=services.port, config=following(registry, user="sluice", password_file=str(secret)))
    here.secrets |= {"pass word&="}
    until(lambda: connected(here, one.port))
    until(lambda: registry.logins >= before + 2, 15)
    logins = registry.logins
    registry.token_seconds = 18_000
    until(lambda: registry.logins > logins)
    logins = registry.logins
    registry.tokens.clear()  # as after its restart: the token is refused, another login helps
    until(lambda: registry.logins > logins)
    until(lambda: source(here)["up"])
    here.secrets |= set(registry.tokens)
    registry.password = "changed"
    registry.tokens.clear()
    until(lambda: "login" in source(here).get("problem", ""), 15)
    assert connected(here, one.port) and one.port
    assert here.connect("alice").request(envelopes.HISTORY, {"with": "bob"}).status == 0


def test_the_gateway_registers_beats_comes_back_and_leaves(gateway, servers):
    registry = servers(Nacos)
    client = client_of(registry)
    here = gateway(config=lambda here: {
        "node": "gw-1", "registries": {"nacos": {"address": registry.address}},
        "register": {"registry": "nacos", "ttl": "1500ms", "weight": 150, "group": "EDGE", "cluster": "A"}}, drain="2s")

    def listed():
        return client.list_naming_instance("sluice", group_name="EDGE", healthy_only=True)["hosts"]
    (host,) = until(listed)
    assert (host["ip"], host["port"], host["weight"], host["clusterName"]) == ("127.0.0.1", here.port, 1.5, "A")
    assert host["metadata"]["node"] == "gw-1" and host["metadata"]["tcp_port"] == str(here.tcp_port)
    beats = lambda: [given for method, path, given in registry.requests if path.endswith("/beat")]
    until(lambda: len(beats()) >= 3)
    registrations = lambda: [1 for method, path, _ in registry.requests if method == "POST" and path.endswith("/instance")]
    until(listed, 10, "beats alone keep it")
    assert len(registrations()) == 1
    registry.instances.clear()
    until(listed)
    assert here.metric("sluice_registered", registry="nacos") == 1
    client_here = here.connect("alice")
    here.signal(signal.SIGTERM)
    until(lambda: not listens(here.port))
    assert not listed(), "when the door is closed the registry knows"
    client_here.close()
    assert here.wait() == 0
