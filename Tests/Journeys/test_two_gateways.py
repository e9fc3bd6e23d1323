"""Two gateways behind real nginx and HAProxy with the shipped configurations: spread, stickiness, and one that drains."""
import http.client
import itertools
import json
import os
import signal
import threading

import pytest
from harness.balancers import haproxy, nginx
from harness.clients import Client, TCPClient
from harness.waiting import until

SOURCES = (f"127.{101 + os.getpid() % 90}.{b}.{c}" for b, c in itertools.product(range(256), range(1, 255)))


def trusting(here):
    return {"listeners": [
        {"name": "main", "address": "127.0.0.1", "port": here.port},
        {"name": "tcp", "protocol": "tcp", "address": "127.0.0.1", "port": here.tcp_port, "proxy_protocol": True}],
        "trusted_proxies": ["127.0.0.1/32"]}


@pytest.fixture(params=[nginx, haproxy], ids=["nginx", "haproxy"])
def two(request, gateway, tmp_path, started):
    gateways = [gateway(config=trusting, drain="8s") for _ in range(2)]
    balancer = started(request.param(tmp_path / "balancer", gateways))
    yield gateways, balancer
    balancer.stop()


def post(port, token, source=None, timeout=15):
    """POST of an echo: the status."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout, source_address=(source, 0) if source else None)
    try:
        line.request("POST", "/v1/commands/echo", "1", {
            "Authorization": f"Bearer {token}", "Content-Type": "application/json"})
        answer = line.getresponse()
        answer.read()
        return answer.status
    finally:
        line.close()


def served(here, transport="http"):
    return here.metric("sluice_requests_total", transport=transport, action="echo")


def test_requests_and_connections_go_round(two):
    gateways, balancer = two
    token = gateways[0].token("alice")
    gateways[1].secrets.add(token)
    assert {post(balancer.http, token) for _ in range(20)} == {200}
    assert [served(here) for here in gateways] == [10, 10]
    clients = [Client(f"ws://127.0.0.1:{balancer.http}/ws", "json", token=gateways[0].token(f"user{n}")) for n in range(10)]
    clients += [TCPClient(("127.0.0.1", balancer.tcp), "json", token=gateways[0].token(f"user{n}")) for n in range(10)]
    assert all(client.echo().status == 0 for client in clients)
    for here in gateways:
        assert [served(here, transport) for transport in ("websocket", "tcp")] == [5, 5]
    for client in clients:
        client.close()


def test_an_address_stays_with_its_gateway(two):
    gateways, balancer = two
    token = gateways[0].token("alice")
    used = set()
    for source in itertools.islice(SOURCES, 16):
        before = [served(here) for here in gateways]
        assert {post(balancer.http_by_address, token, source) for _ in range(5)} == {200}
        took = [int(served(here) - was) for here, was in zip(gateways, before)]
        assert sorted(took) == [0, 5], "all of an address go to one gateway"
        used.add(took.index(5))
        client = TCPClient(("127.0.0.1", balancer.tcp_by_address), "json", token=token, source=source)
        assert client.echo().status == 0
        client.close()
    assert used == {0, 1}, "and addresses to both"
    journal = {entry["SLUICE_CLIENT"] for here in gateways for entry in here.journal("SLUICE_ACTION=echo")}
    assert "127.0.0.1" not in journal, "the gateways know the clients' own addresses"


def test_no_request_fails_while_one_drains(two):
    gateways, balancer = two
    leaving, staying = gateways
    tokens = [leaving.token(f"user{n}") for n in range(6)]
    staying.secrets |= set(tokens)
    statuses, problems, stop = [], [], threading.Event()

    def ask(token, port, source):
        while not stop.is_set():
            try:
                statuses.append(post(port, token, source))
            except Exception as error:  # shown by the journey, which asserts that there are none
                problems.append(repr(error))

    threads = [threading.Thread(target=ask, args=(token, port, next(SOURCES)))
               for token, port in zip(tokens, itertools.cycle([balancer.http, balancer.http_by_address]))]
    for thread in threads:
        thread.start()
    sockets = [Client(f"ws://127.0.0.1:{balancer.http}/ws", "json", token=token) for token in tokens]
    try:
        until(lambda: served(leaving) > 50 and served(staying) > 50)
        leaving.signal(signal.SIGTERM)
        until(lambda: not leaving.is_running, 20)
        before = served(staying)
        until(lambda: served(staying) > before + 100)
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)
    assert set(statuses) == {200} and not problems, (json.dumps({s: statuses.count(s) for s in set(statuses)}), problems[:3])
    assert leaving.wait() == 0
    # Those that were let go come back through the same door.
    for token, socket in zip(tokens, sockets):
        socket.close()
        again = Client(f"ws://127.0.0.1:{balancer.http}/ws", "json", token=token)
        assert again.echo().status == 0
        again.close()
