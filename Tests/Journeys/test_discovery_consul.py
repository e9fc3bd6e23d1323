"""Instances out of a real Consul: they come, die and go under load, and so does Consul itself."""
import signal
import threading
import time

import pytest
from harness import envelopes
from harness.certificates import Authority
from harness.consul import Consul, ConsulServer, binary
from harness.fake_service import FakeService
from harness.gateway import policy
from harness.http_backend import HTTPBackend
from harness.load import Load
from harness.processes import Services
from harness.waiting import free_port, until

pytestmark = pytest.mark.skipif(binary() is None, reason="Consul is missing: run .ci/install test")


@pytest.fixture
def consul(tmp_path):
    made = []

    def make(**more):
        folder = tmp_path / f"consul{len(made)}"
        folder.mkdir()
        made.append(Consul(folder, **more))
        return made[-1]
    make.add = made.extend
    yield make
    for one in made:
        one.stop()


@pytest.fixture
def fake():
    made = []

    def make(answer=lambda call: call.reply_json(b"1")):
        made.append(FakeService(answer))
        return made[-1]
    yield make
    for one in made:
        one.stop()


def following(agent, query=None, **registries):
    """The configuration with `message` from Consul, the others as they are."""
    def config(here):
        for service in here.config["services"]:
            if service["name"] == "message":
                del service["instances"]
                service["discovery"] = {"consul": {"service": "message", **(query or {})}}
        return {"registries": {"consul": {"address": agent.address}, **registries}}
    return config


def known(here, service="message"):
    return {one["instance"]: one for one in here.json("/v1/upstreams")["instances"] if one["service"] == service}


def source(here):
    (one,) = here.json("/v1/upstreams")["sources"]
    return one


def connected(here, *ports):
    """Whether exactly these instances of `message` are known, each connected to every loop."""
    found = known(here)
    assert set(found) == {f"127.0.0.1:{port}" for port in ports}, found
    return all(one["connected_loops"] == one["loops"] for one in found.values())


def test_instances_come_and_die_under_load_and_consul_may_too(gateway, services, consul, fake, tmp_path, started):
    registry = consul()
    three = [started(Services(tmp_path, free_port(), f"message{n}")) for n in range(3)]
    for one in three:
        registry.register("message", one.port, tags=["v2"], weight=5)
    here = gateway(services=services.port, config=following(registry))
    ports = [one.port for one in three]
    until(lambda: connected(here, *ports))
    shown = known(here)[f"127.0.0.1:{ports[0]}"]
    assert (shown["source"], shown["weight"], shown["tags"], shown["zone"]) == ("consul", 5, ["v2"], "dc1")
    assert source(here) == {"service": "message", "source": "consul", "up": True, "stale": False, "instances": 3,
                            "held_back": 0}
    load = Load(here, [f"user{n}" for n in range(12)], depth=4, pace=0.002)
    client = here.connect("alice")
    try:
        until(lambda: load.outcome.answered > 500)
        took = []
        # A machine may stand still for a moment: one of some must be used within a second.
        while not took or took[-1] >= 1 and len(took) < 5:
            fourth = fake(lambda call: call.reply(envelopes.classes()["Envelope"](
                kind=1, payload=call.envelope.payload, format=call.envelope.format).SerializeToString()))
            registry.register("message", fourth.port)
            began = time.monotonic()
            until(lambda: client.request(envelopes.HISTORY, {"with": "bob"}).status == 0 and fourth.calls, 20, every=0)
            took.append(time.monotonic() - began)
            ports.append(fourth.port)
        assert took[-1] < 1, f"further instances were used after {took} s"
        assert load.outcome.replies.keys() == {0} and not load.outcome.closed, load.outcome.replies
        # One dies: calls it had are refused, no others; Consul's check takes it out of the list.
        three[0].signal(signal.SIGKILL)
        until(lambda: connected(here, *ports[1:]), 15)
        refused = load.outcome.replies.get(503, 0)
        assert refused <= 12 * 4, "no more than were under way"
        # Consul dies.
        before = load.outcome.answered
        registry.kill()
        until(lambda: here.metric("sluice_discovery_up", source="consul/message") == 0)
        until(lambda: load.outcome.answered > before + 1_000)
        assert connected(here, *ports[1:]) and source(here)["up"] is False
        # It comes back and knows nothing.
        registry.start()
        until(lambda: source(here)["up"], 30)
        until(lambda: source(here)["held_back"] == len(ports) - 1)
        assert here.metric("sluice_discovery_held_back_total", source="consul/message") == 1
        # The alert DiscoveryHeldBack lives on this: as long as it lasts each answer counts, if only every ten seconds.
        held = {"source": "consul/message", "result": "held_back"}
        until(lambda: here.metric("sluice_discovery_updates_total", **held) >= 3, 40)
        assert here.metric("sluice_discovery_held_back_total", source="consul/message") == 1
        before = load.outcome.answered
        until(lambda: load.outcome.answered > before + 1_000)
        assert connected(here, *ports[1:]), "an empty answer empties nothing"
        for port in ports[1:]:
            registry.register("message", port)
        until(lambda: source(here)["held_back"] == 0 and connected(here, *ports[1:]))
        assert load.outcome.replies.get(503, 0) == refused, "Consul's death cost no call"
    finally:
        outcome = load.finish()
    assert not outcome.problems and not outcome.closed, (outcome.problems[:3], outcome.closed)
    assert outcome.answered == outcome.sent and set(outcome.replies) <= {0, 503}, outcome.replies
    assert here.reloads() == {} or not any(here.reloads().values()), "nothing was read again"
    messages = {entry["MESSAGE_ID"][-2:]: entry["MESSAGE"] for entry in here.journal("SLUICE_EVENT=upstream", "SLUICE_SERVICE=message")}
    assert f"+127.0.0.1:{fourth.port}" in " ".join(
        entry["MESSAGE"] for entry in here.journal("SLUICE_EVENT=upstream", "SLUICE_SERVICE=message") if "e1" == entry["MESSAGE_ID"][-2:])
    assert "stay" in messages["e2"] and "held back" in messages["e3"], messages


def test_an_instance_that_leaves_finishes_what_it_has_and_gets_nothing_new(gateway, services, consul, fake):
    registry = consul()
    slow, other = fake(None), fake()
    registry.register("message", slow.port, id="slow", check=False)
    here = gateway(services=services.port, config=following(registry), commands={"message.history": {"timeout": "60s"}})
    until(lambda: connected(here, slow.port))
    client = here.connect("alice")
    client.send(envelopes.HISTORY, {"with": "bob"}, seq=7)
    until(lambda: len(slow.calls) == 1)
    registry.register("message", other.port, check=False)
    until(lambda: connected(here, slow.port, other.port))
    registry.deregister("slow")
    # It is still there, because of the call; new ones go to the other.
    until(lambda: known(here)[f"127.0.0.1:{slow.port}"]["connected_loops"] == 0, what="every loop has let it go")
    for seq in range(10, 20):
        client.send(envelopes.HISTORY, {"with": "bob"}, seq=seq)
        assert client.reply(seq).status == 0
    assert len(slow.calls) == 1 and len(other.calls) == 10
    slow.calls[0].reply_json(b'"in the end"')
    assert client.reply(7).data == "in the end"
    until(lambda: connected(here, other.port))


def test_instances_with_http_links_come_and_go_as_well(gateway, services, consul):
    """A request under way is answered by the instance that has left; new ones and routes go to the other."""
    registry, free, reached = consul(), threading.Event(), threading.Event()

    def slow(request, connection):
        body = b"".join(connection.body(request))
        reached.set()
        assert free.wait(20)
        connection.answer(200, body, Content_Type="application/json")

    leaving, other = HTTPBackend(slow), HTTPBackend()
    try:
        registry.register("message", leaving.port, id="leaving", check=False)

        def config(here):
            made = following(registry)(here)
            here.config["services"][1]["link"] = "http"
            return made | {"routes": [{"name": "web", "prefix": "/web/", "service": "message", "authentication": "none"}]}
        rules = policy(rules=[{"name": "web", "effect": "permit", "principal": {"anonymous": True}, "action": ["http.web"]}])
        here = gateway(services=services.port, config=config, rules=rules, commands={"message.history": {"timeout": "60s"}})
        until(lambda: set(known(here)) == {f"127.0.0.1:{leaving.port}"})
        client = here.connect("alice")
        client.send(envelopes.HISTORY, {"n": 1}, seq=7)
        assert reached.wait(10)
        registry.register("message", other.port, check=False)
        until(lambda: len(known(here)) == 2)
        registry.deregister("leaving")
        until(lambda: known(here)[f"127.0.0.1:{leaving.port}"]["connected_loops"] == 0, what="every loop has let it go")
        for seq in range(10, 20):
            assert client.request(envelopes.HISTORY, {"n": seq}).data == {"n": seq}
        assert here.curl("/web/page")[0] == 200
        assert len(leaving.requests) == 1 and len(other.requests) == 11
        free.set()
        assert client.reply(7).data == {"n": 1}
        until(lambda: set(known(here)) == {f"127.0.0.1:{other.port}"})
        assert not leaving.problems and not other.problems
    finally:
        free.set()
        leaving.close()
        other.close()


def test_most_instances_gone_at_once_are_kept_until_the_answer_has_stood(gateway, services, consul, fake):
    registry = consul()
    made = [fake() for _ in range(4)]
    for one in made:
        registry.catalogue("message", one.port)
    here = gateway(services=services.port, config=following(registry, hold="4s"))
    until(lambda: connected(here, *(one.port for one in made)))
    began = time.monotonic()
    registry.lose("message", *(one.port for one in made[:3]))
    until(lambda: source(here)["held_back"] == 3)
    assert connected(here, *(one.port for one in made))
    until(lambda: connected(here, made[3].port), 15)
    assert time.monotonic() - began > 3.5
    assert source(here)["held_back"] == 0


def test_tags_and_checks_choose_and_the_token_is_shown_nowhere(gateway, services, consul, fake, tmp_path):
    token = "6a1253d2-1785-24fd-91c2-f8e78c745511"
    registry = consul(token=token)
    wanted, warns, other = fake(), fake(), fake()
    registry.register("message", wanted.port, tags=["v2", "eu"], check=False)
    registry.register("message", other.port, tags=["v1"], check=False)
    registry.register("message", warns.port, tags=["v2", "eu"], check={"TTL": "1h", "Status": "warning"})
    until(lambda: len(registry.instances("message")) == 2)
    secret = tmp_path / "token"
    secret.write_text(token + "\n")
    access = {"consul": {"address": registry.address, "token_file": str(secret)}}
    query = {"tags": ["v2", "eu"]}
    here = gateway(services=services.port, config=following(registry, query, **access))
    here.secrets.add(token)
    until(lambda: connected(here, wanted.port))
    # A reload asks for those that warn, too; the link of the other stays.
    links = len(wanted.connections)
    here.config["services"][1]["discovery"]["consul"]["passing_only"] = False
    here.rewrite_config()
    here.reload()
    until(lambda: connected(here, wanted.port, warns.port))
    assert len(wanted.connections) == links
    # A wrong token: what was told last stays.
    secret.write_text("00000000-0000-0000-0000-000000000000")
    here.reload()
    until(lambda: not source(here)["up"] or source(here)["held_back"])
    assert connected(here, wanted.port, warns.port)
    assert token not in here.get("/v1/upstreams")[1]


def test_without_consul_the_gateway_starts_with_what_is_configured(gateway, services, fake):
    """And with a source that is away from the start, services without instances refuse at once."""
    one = fake()

    class Away:
        address = f"http://127.0.0.1:{free_port()}"

    def config(here):
        made = following(Away)(here)
        here.config["services"][1]["instances"] = [f"127.0.0.1:{one.port}"]
        return made
    here = gateway(services=services.port, config=config)
    until(lambda: connected(here, one.port))
    assert known(here)[f"127.0.0.1:{one.port}"]["source"] == "static"
    assert here.connect("alice").request(envelopes.HISTORY, {"with": "bob"}).status == 0
    assert "does not answer" in source(here)["problem"] and not source(here)["up"]


def test_a_service_moves_between_its_list_and_consul_by_reload(gateway, services, consul, fake):
    registry = consul()
    listed, told = fake(), fake()
    registry.register("message", told.port, check=False)
    here = gateway(services={"user": [services.port], "friend": [services.port], "message": [listed.port]},
                   config=lambda here: {"registries": {"consul": {"address": registry.address}}})
    until(lambda: connected(here, listed.port))
    place = next(n for n, one in enumerate(here.config["services"]) if one["name"] == "message")
    here.config["services"][place]["discovery"] = {"consul": {"service": "message"}}
    here.rewrite_config()
    here.reload()
    until(lambda: connected(here, told.port))
    del here.config["services"][place]["discovery"]
    here.rewrite_config()
    here.reload()
    until(lambda: connected(here, listed.port))
    assert here.json("/v1/upstreams")["sources"] == []


def test_without_a_leader_any_server_still_tells_what_it_knows(gateway, services, consul, fake, tmp_path):
    servers = ConsulServer.three(tmp_path)
    consul.add(servers)
    one = fake()
    servers[0].register("message", one.port, check=False)
    here = gateway(services=services.port, config=following(servers[0]))
    until(lambda: connected(here, one.port))
    assert source(here)["stale"] is False
    for other in servers[1:]:
        other.kill()
    until(lambda: source(here)["stale"], 40, "the gateway tells that there is no leader")
    assert source(here)["up"] and connected(here, one.port)
    # A source that is new finds it, too: nobody needs the leader to read.
    here.config["services"][1]["discovery"]["consul"]["passing_only"] = False
    here.rewrite_config()
    here.reload()
    until(lambda: source(here)["up"] and source(here)["stale"], 40)
    assert connected(here, one.port)
    for other in servers[1:]:
        other.start()
    until(lambda: not source(here)["stale"], 60)
    assert here.connect("alice").request(envelopes.HISTORY, {"with": "bob"}).status == 0


def test_consul_over_tls_must_show_a_certificate_of_its_authority(gateway, services, consul, fake, tmp_path):
    authority, stranger = Authority(tmp_path / "ours"), Authority(tmp_path / "others")
    registry = consul(tls=authority.issue("consul"))
    one = fake()
    registry.register("message", one.port, check=False)
    access = {"address": f"https://127.0.0.1:{registry.tls_port}", "ca": str(authority.certificate)}
    here = gateway(services=services.port, config=following(registry, consul=access))
    until(lambda: connected(here, one.port))
    here.config["registries"]["consul"]["ca"] = str(stranger.certificate)
    here.rewrite_config()
    here.reload()
    until(lambda: not source(here)["up"])
    assert connected(here, one.port), "what was told before stays"
