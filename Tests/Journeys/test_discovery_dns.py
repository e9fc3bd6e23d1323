"""Instances out of the DNS: records that change, expire, do not fit, lie, and a name server that is away."""
import pytest
from harness import envelopes
from harness.fake_service import FakeService
from harness.load import Load
from harness.name_server import NameServer
from harness.processes import Services
from harness.waiting import free_port, until

NAME = "message.example"


@pytest.fixture
def servers():
    made = []

    def make(kind, *arguments, **more):
        made.append(kind(*arguments, **more))
        return made[-1]
    yield make
    for one in made:
        one.stop()


def following(server, query):
    def config(here):
        for service in here.config["services"]:
            if service["name"] == "message":
                del service["instances"]
                service["discovery"] = {"dns": {"name": NAME, "min_ttl": "200ms", **query}}
        return {"registries": {"dns": {"servers": [server.address]}, "hold": "2s"}}
    return config


def srv(port, target="host.example", priority=1, weight=5, ttl=1):
    return (NAME, "srv", (priority, weight, port, target), ttl)


HOST = ("host.example", "a", "127.0.0.1", 1)


def known(here):
    return {one["instance"]: one for one in here.json("/v1/upstreams")["instances"] if one["service"] == "message"}


def connected(here, *places):
    found = known(here)
    assert set(found) == {place if isinstance(place, str) else f"127.0.0.1:{place}" for place in places}, found
    return all(one["connected_loops"] == one["loops"] for one in found.values())


def source(here):
    (one,) = here.json("/v1/upstreams")["sources"]
    return one


def answering(call):
    call.reply(envelopes.classes()["Envelope"](
        kind=1, payload=call.envelope.payload, format=call.envelope.format).SerializeToString())


def test_instances_come_and_go_under_load_and_the_name_server_too(gateway, services, servers, tmp_path, started):
    three = [started(Services(tmp_path, free_port(), f"message{n}")) for n in range(3)]
    ports = [one.port for one in three]
    server = servers(NameServer, [HOST, *(srv(port) for port in ports)])
    here = gateway(services=services.port, config=following(server, {"type": "srv"}))
    until(lambda: connected(here, *ports))
    assert known(here)[f"127.0.0.1:{ports[0]}"]["source"] == "dns"
    assert known(here)[f"127.0.0.1:{ports[0]}"]["weight"] == 5
    load = Load(here, [f"user{n}" for n in range(8)], depth=2, pace=0.002)
    client = here.connect("alice")
    try:
        until(lambda: load.outcome.answered > 200)
        fourth = servers(FakeService, answering)
        server.records.append(srv(fourth.port))
        until(lambda: client.request(envelopes.HISTORY, {"with": "bob"}).status == 0 and fourth.calls, 20)
        server.records.remove(srv(ports[0]))
        until(lambda: connected(here, *ports[1:], fourth.port))
        for mode in ("silent", "fail", "garbage"):
            server.mode = mode
            failed = here.metric("sluice_discovery_updates_total", source="dns/message", result="failed")
            until(lambda: here.metric("sluice_discovery_updates_total", source="dns/message", result="failed") > failed, 20)
            before = load.outcome.answered
            until(lambda: load.outcome.answered > before + 200)
            assert connected(here, *ports[1:], fourth.port) and not source(here)["up"]
        server.mode = "answer"
        until(lambda: source(here)["up"], 20)
        server.records.clear()  # NXDOMAIN: a name that is gone empties nothing
        until(lambda: source(here)["held_back"] == 3)
        before = load.outcome.answered
        until(lambda: load.outcome.answered > before + 200)
    finally:
        outcome = load.finish()
    assert not outcome.problems and not outcome.closed, (outcome.problems[:3], outcome.closed)
    assert set(outcome.replies) == {0}, outcome.replies
    failures = [entry["MESSAGE"] for entry in here.journal("SLUICE_EVENT=upstream", "SLUICE_SERVICE=message") if entry["MESSAGE_ID"].endswith("e2")]
    assert failures and all("last stay" in text for text in failures)


def test_addresses_through_an_alias_get_the_configured_port(gateway, services, servers):
    one = servers(FakeService, answering)
    server = servers(NameServer, [(NAME, "cname", "Real.Example", 1), ("real.example", "a", "127.0.0.1", 1)])
    here = gateway(services=services.port, config=following(server, {"type": "a", "port": one.port}))
    until(lambda: connected(here, one.port))
    assert ("udp", NAME, 1) in server.asked


def test_ipv6_addresses(gateway, services, servers):
    server = servers(NameServer, [(NAME, "aaaa", "::1", 1)])
    here = gateway(services=services.port, config=following(server, {"type": "aaaa", "port": 9}), wait_for_services=False)
    until(lambda: set(known(here)) == {"[0:0:0:0:0:0:0:1]:9"})


def test_an_answer_that_does_not_fit_is_asked_for_over_tcp(gateway, services, servers):
    one = servers(FakeService, answering)
    more = [srv(port, target=f"{'x' * 60}.example", priority=9) for port in range(1, 40)]
    server = servers(NameServer, [HOST, srv(one.port), *more])
    here = gateway(services=services.port, config=following(server, {"type": "srv"}))
    until(lambda: connected(here, one.port))  # the worse priority is left alone
    assert ("tcp", NAME, 33) in server.asked


def test_answers_with_another_id_or_for_another_name_are_not_believed(gateway, services, servers):
    one = servers(FakeService, answering)
    server = servers(NameServer, [(NAME, "a", "127.0.0.1", 1)])
    server.mode = "forged"
    here = gateway(services=services.port, config=following(server, {"type": "a", "port": one.port}))
    until(lambda: connected(here, one.port))
    until(lambda: len(server.asked) > 3)
    assert connected(here, one.port)


def test_records_are_asked_for_again_when_they_expire_and_not_before(gateway, services, servers):
    one = servers(FakeService, answering)
    server = servers(NameServer, [(NAME, "a", "127.0.0.1", 3_600), ("friend.example", "a", "127.0.0.1", 3_600)])

    def config(here):
        made = following(server, {"type": "a", "port": one.port, "max_ttl": "1h"})(here)
        here.config["services"][2]["discovery"] = {"dns": {
            "name": "friend.example", "type": "a", "port": services.port, "min_ttl": "200ms", "max_ttl": "200ms"}}
        return made
    here = gateway(services=services.port, config=config)
    asked = lambda name: [one for one in server.asked if one[1] == name]
    until(lambda: asked("friend.example"))
    before, others = len(asked(NAME)), len(asked("friend.example"))
    until(lambda: len(asked("friend.example")) > others + 8)
    assert len(asked(NAME)) == before, "the record is good for an hour"
    here.config["services"][1]["discovery"]["dns"]["max_ttl"] = "300ms"
    here.rewrite_config()
    here.reload()
    until(lambda: len(asked(NAME)) > 4)


def test_the_second_name_server_is_asked_when_the_first_is_silent(gateway, services, servers):
    one = servers(FakeService, answering)
    first, second = servers(NameServer), servers(NameServer, [(NAME, "a", "127.0.0.1", 60)])
    first.mode = "silent"

    def config(here):
        made = following(first, {"type": "a", "port": one.port})(here)
        made["registries"]["dns"]["servers"].append(second.address)
        return made
    here = gateway(services=services.port, config=config, wait_for_services=False)
    until(lambda: connected(here, one.port))
    assert first.asked and second.asked
