"""Behind proxies: whose word about the client's address counts, for the journal, for limits and for services."""
import json

from harness.gateway import limit, policy
from harness.raw_http import RawHTTP
from harness.waiting import until
from websockets.sync.client import connect

TRUSTED = {"trusted_proxies": ["127.0.0.0/8"]}
PER_ADDRESS = policy(limit("per-address", 2, "1h", burst=2, key=("peer",)))


def call(here, *fields):
    with RawHTTP(here.port) as client:
        lines = ["POST /v1/commands/echo HTTP/1.1", "Host: gateway", f"Authorization: Bearer {here.token('alice')}",
                 *fields, "Content-Length: 1"]
        client.send("\r\n".join(lines).encode() + b"\r\n\r\n1")
        return client.response()[0]


def journalled(here, count):
    entries = until(
        lambda: (found := here.journal("SLUICE_EVENT=request", "SLUICE_ACTION=echo")) and len(found) >= count and found,
        15)
    return [entry["SLUICE_CLIENT"] for entry in entries]


def test_the_address_a_trusted_proxy_names_is_the_client(gateway):
    here = gateway(config=TRUSTED, loops=1)
    assert call(here, "X-Forwarded-For: 198.51.100.1, 192.0.2.7") == 200
    assert call(here, 'Forwarded: for="[2001:db8::7]:4711";proto=https') == 200
    assert call(here, "X-Forwarded-For: 192.0.2.8, 127.0.0.5") == 200
    assert call(here) == 200
    assert journalled(here, 4) == ["192.0.2.7", "2001:db8::7", "192.0.2.8", "127.0.0.1"]


def test_nobody_else_is_believed(gateway):
    here = gateway(config={"trusted_proxies": ["203.0.113.0/24"]}, rules=PER_ADDRESS, loops=1)
    said = [call(here, f"X-Forwarded-For: 192.0.2.{number}", f"Forwarded: for=192.0.2.{number}") for number in range(4)]
    assert said == [200, 200, 429, 429], "an invented address buys no fresh bucket"
    assert set(journalled(here, 4)) == {"127.0.0.1"}


def test_limits_are_per_client_behind_the_proxy(gateway):
    here = gateway(config=TRUSTED, rules=PER_ADDRESS, loops=1)
    first, second = "X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.2"
    assert [call(here, first) for _ in range(3)] == [200, 200, 429]
    assert [call(here, second) for _ in range(3)] == [200, 200, 429]
    # What stands left of the client anybody may have written.
    assert call(here, "X-Forwarded-For: 10.9.9.9, 192.0.2.1") == 429


def test_clients_that_share_a_proxys_connection_are_told_apart(gateway):
    here = gateway(config=TRUSTED, rules=PER_ADDRESS, loops=1)
    statuses = []
    with RawHTTP(here.port) as proxy:
        for address in ("192.0.2.1", "192.0.2.2") * 3:
            proxy.send(
                f"POST /v1/commands/echo HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {here.token('alice')}\r\n"
                f"X-Forwarded-For: {address}\r\nContent-Length: 1\r\n\r\n1".encode())
            statuses.append(proxy.response()[0])
    assert statuses == [200, 200, 200, 200, 429, 429]


def test_a_websocket_is_its_clients_too(gateway):
    here = gateway(config=TRUSTED, loops=1)
    with connect(
            here.url, subprotocols=["sluice.v1.json"],
            additional_headers={"Authorization": f"Bearer {here.token('alice')}", "X-Forwarded-For": "192.0.2.9"}) as client:
        assert json.loads(client.recv())["cmd"] == 1
        client.send('{"cmd":100,"seq":1,"data":1}')
        assert json.loads(client.recv())["status"] == 0
    assert journalled(here, 1) == ["192.0.2.9"]
