"""Active checks of each kind on each link: who fails them leaves the balance, and comes back."""
import socket
import threading

import pytest
from harness.fake_service import FakeService
from harness.grpc_backend import GRPCBackend, echo
from harness.http_backend import HTTPBackend
from harness.waiting import free_port, until

# `port` of a check is one for all instances, so each has an address of its own.
HOSTS = ("127.0.0.1", "127.0.0.2")
LOOPS = 2


class Instance:
    """An instance that answers calls at all times, and checks as long as `is_well` says so.

    door: the port that is checked, where it is not the link's.
    """

    def __init__(self, link, kind, host, door):
        self.kind, self.host, self.door, self.is_well, self.asked = kind, host, door, True, 0
        if link == "native":
            self.service = FakeService(self.count, host=host)
        elif link == "grpc":
            self.service = GRPCBackend(self.count_grpc, health=1, host=host)
        else:
            self.service = HTTPBackend(self.answer, host=host)
        self.name = f"{host}:{self.service.port}"
        self.web = HTTPBackend(self.answer, host=host, port=door) if kind == "http" and door else None
        self.listener = None
        self.open_door()

    def count(self, call):
        self.asked += 1
        call.reply_json(b"1")

    def count_grpc(self, call, context):
        self.asked += 1
        return echo(call, context)

    def answer(self, request, connection):
        request.body = b"".join(connection.body(request))
        if request.path == "/well":
            return connection.answer(204 if self.is_well else 503)
        self.asked += 1
        connection.answer(200, request.body, Content_Type="application/json")

    def open_door(self):
        if self.kind == "tcp":
            self.listener = socket.create_server((self.host, self.door))
            threading.Thread(target=take_all, args=[self.listener], daemon=True).start()

    def turn(self, is_well):
        self.is_well = is_well
        if self.kind == "ping":
            self.service.answers_pings = is_well
        elif self.kind == "grpc":
            self.service.health = 1 if is_well else 2
        elif self.kind == "tcp":
            self.open_door() if is_well else shut(self.listener)

    def close(self):
        if self.listener:
            shut(self.listener)
        for one in (self.service, self.web):
            if one:
                one.close() if isinstance(one, HTTPBackend) else one.stop()


def take_all(listener):
    while True:
        try:
            listener.accept()[0].close()
        except OSError:
            return


def shut(listener):
    if listener.fileno() >= 0:
        # Closing alone leaves it open as long as a thread waits in it.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.parametrize("link, kind", [
    ("native", "ping"), ("native", "tcp"), ("native", "http"),
    ("http", "tcp"), ("http", "http"),
    ("grpc", "grpc"), ("grpc", "tcp"), ("grpc", "http"),
])
def test_who_fails_its_checks_gets_no_calls_until_they_succeed_again(gateway, request, link, kind):
    # On the HTTP link the check asks where the calls go.
    door = None if kind in ("ping", "grpc") or (link, kind) == ("http", "http") else free_port()
    pair = [Instance(link, kind, host, door) for host in HOSTS]
    for one in pair:
        request.addfinalizer(one.close)
    # Checks that we answer may be late for a second; a closed port is refused by the kernel.
    check = {"kind": kind, "interval": "100ms", "unhealthy": 2 if kind == "tcp" else 15, "healthy": 2}
    if kind == "http":
        check["path"] = "/well"
    if door:
        check["port"] = door

    def config(here):
        others = [one for one in here.config["services"] if one["name"] != "message"]
        return {"services": [*others, {
            "name": "message", "link": link, "instances": [one.name for one in pair],
            "backoff": {"min": "20ms", "max": "100ms"}, "balance": {"by": "round_robin"}, "health": {"check": check}}]}
    here = gateway(config=config, loops=LOOPS, commands={"echo": {"ordered": False, "retry_safe": False}})
    clients = [here.connect(f"user{number}") for number in range(4)]
    ill, well = pair

    def state():
        return next(one["state"] for one in here.json("/v1/upstreams")["instances"] if one["instance"] == ill.name)

    def instances(state):
        return here.metric("sluice_upstream_instances", service="message", state=state)

    def messages(one):
        return [entry["MESSAGE"] for entry in here.journal(f"SLUICE_INSTANCE={one.name}", "SLUICE_EVENT=upstream")]

    def asked_by(count):
        """Who is asked by so many calls of each client, all of which are answered."""
        before = [one.asked for one in pair]
        assert {client.echo().status for client in clients for _ in range(count)} == {0}
        return [one.asked - was for one, was in zip(pair, before)]

    assert min(asked_by(4)) > 0 and state() == "ready"
    ill.turn(False)
    until(lambda: instances("unhealthy") == LOOPS, 20, "each loop has found out")
    assert state() == "unhealthy" and instances("ready") == LOOPS
    assert asked_by(4) == [0, 16]
    assert here.metric("sluice_upstream_ejections_total", service="message", reason="check") == LOOPS
    checks = lambda result: here.metric("sluice_upstream_checks_total", service="message", result=result)  # noqa: E731
    assert checks("failed") >= 2 * LOOPS and checks("ok") > 0
    ill.turn(True)
    until(lambda: instances("ready") == 2 * LOOPS, 10, "each loop has found out")
    assert state() == "ready" and min(asked_by(4)) > 0
    for what in (f"message {ill.name} is ejected until checks succeed: check", f"message {ill.name} gets calls again"):
        until(lambda: messages(ill).count(what) == LOOPS, 10, f"each loop tells: {what}")
    assert not [one for one in messages(well) if "ejected" in one]


def test_where_all_fail_their_checks_all_get_calls(gateway, request):
    pair = [Instance("http", "http", host, None) for host in HOSTS]
    for one in pair:
        request.addfinalizer(one.close)
    check = {"kind": "http", "path": "/well", "interval": "100ms", "unhealthy": 1, "healthy": 1}

    def config(here):
        others = [one for one in here.config["services"] if one["name"] != "message"]
        return {"services": [*others, {"name": "message", "link": "http", "instances": [one.name for one in pair],
                                       "health": {"check": check}}]}
    here = gateway(config=config, loops=1)
    for one in pair:
        one.turn(False)
    until(lambda: here.metric("sluice_upstream_instances", service="message", state="unhealthy") == 2, 10)
    assert here.connect("alice").echo().status == 0, "nobody better is there"
    messages = lambda: [one["MESSAGE"] for one in here.journal("SLUICE_EVENT=upstream", "SLUICE_SERVICE=message")]
    until(lambda: "too few instances of message are well: all get calls" in messages(), 10)
    pair[0].turn(True)
    until(lambda: "enough instances of message are well again" in messages(), 10)
