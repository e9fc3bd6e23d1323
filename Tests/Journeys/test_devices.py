"""How many devices of one user may be connected: who goes, what it hears, and what a reload changes."""
import time

import pytest
from harness import envelopes
from harness.clients import CODECS
from harness.gateway import policy
from harness.waiting import until

WAYS = ("websocket", "tcp")
ONE_PER_CLASS = {"classes": {"mobile": ["ios", "android"], "web": ["web"]}, "rule": "one_per_class"}


def enter(here, device="", platform="", *, user="alice", way="websocket", codec="json"):
    """A client that says which device it is."""
    if way == "websocket":
        client = here.connect(user, codec, query=f"device={device}&platform={platform}")
    else:
        client = here.tcp(codec=codec)
        client.auth = client.authenticate(here.token(user), id=device, platform=platform)
        assert client.auth.status == 0, client.auth
    return client


def sessions(here, count):
    """Waits until so many are connected: registered or taken out by the loop that owns their user."""
    until(lambda: here.metric("sluice_sessions") == count, 10, f"{count} sessions")


def heard(client):
    """What it was told before it was closed, and the close code."""
    code, _ = client.closed()
    kicked = [push.data for push in client.pushes if push.cmd == envelopes.KICKED]
    assert len(kicked) == 1, kicked
    return kicked[0]["reason"], kicked[0]["device"], code


def closed(here, reason):
    return here.metric("sluice_connections_closed_total", reason=reason)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("way", WAYS)
def test_a_second_phone_takes_over_from_the_first_and_the_browser_stays(gateway, way, codec):
    here = gateway(rules=policy(devices=ONE_PER_CLASS))
    phone = enter(here, "phone-1", "ios", way=way, codec=codec)
    web = enter(here, "browser", "web", way=way, codec=codec)
    other = enter(here, "phone-1", "ios", user="bob", way=way, codec=codec)
    sessions(here, 3)
    newer = enter(here, "phone-2", "android", way=way, codec=codec)
    assert heard(phone) == ("replaced", "phone-2", 4503)
    for client in (web, newer, other):
        assert client.echo().status == 0
    sessions(here, 3)
    assert here.metric("sluice_connections_closed_total", transport=way, reason="replaced") == 1
    assert here.metric("sluice_presence_events_total", state="online") == 2
    assert here.metric("sluice_presence_events_total", state="offline") == 0, "alice never went"

    def entry():
        return here.journal("SLUICE_EVENT=close", "SLUICE_REFUSAL=replaced")
    [found] = until(entry, 15)
    assert (found["SLUICE_STATUS"], found["SLUICE_OUTCOME"]) == ("4503", "refused")
    assert (found["SLUICE_USER"], found["SLUICE_DEVICE"]) == ("alice", "phone-1")


@pytest.mark.parametrize("way", WAYS)
def test_where_the_older_is_preferred_the_newer_hears_why_it_must_go(gateway, way):
    here = gateway(rules=policy(devices={"rule": "one_in_all", "on_conflict": "refuse"}))
    older = enter(here, "phone", "ios", way=way)
    sessions(here, 1)
    newer = enter(here, "laptop", "mac", way=way)
    assert heard(newer) == ("device_refused", "", 4503)
    assert older.echo().status == 0
    sessions(here, 1)
    assert closed(here, "device_refused") == 1 and closed(here, "replaced") == 0
    older.close()
    sessions(here, 0)
    laptop = enter(here, "laptop", "mac", way=way)
    assert laptop.echo().status == 0, "once the other has gone there is room"


@pytest.mark.parametrize("way", WAYS)
def test_the_same_device_again_supersedes_itself_and_nobody_else(gateway, way):
    here = gateway(rules=policy(devices={"rule": {"max": 2}, "on_conflict": "refuse"}))
    phone = enter(here, "phone", "ios", way=way)
    laptop = enter(here, "laptop", "mac", way=way)
    sessions(here, 2)
    again = enter(here, "phone", "ios", way=way)
    assert heard(phone) == ("superseded", "phone", 4006)
    assert again.echo().status == 0 and laptop.echo().status == 0
    assert heard(enter(here, "tablet", "ios", way=way)) == ("device_refused", "", 4503)
    assert here.metric("sluice_presence_events_total", state="offline") == 0


def test_with_a_maximum_the_oldest_goes_first(gateway):
    here = gateway(rules=policy(devices={"rule": {"max": 2}}))
    clients = []
    for number in range(5):
        clients.append(enter(here, f"d{number}", codec=CODECS[number % 2]))
        sessions(here, min(number + 1, 2))
        if number >= 2:
            assert heard(clients[number - 2]) == ("replaced", f"d{number}", 4503)
    assert [client.echo().status for client in clients[3:]] == [0, 0]


def test_without_a_device_id_each_connection_is_a_device(gateway):
    here = gateway(rules=policy(devices=ONE_PER_CLASS))
    nameless = here.connect("alice")
    sessions(here, 1)
    phone = enter(here, "", "ios")
    sessions(here, 2)
    # No platform is a class of its own, and so is one in no class.
    television = enter(here, "", "tv")
    sessions(here, 3)
    newer = here.connect("alice")
    assert heard(nameless) == ("replaced", "", 4503)
    for client in (phone, television, newer):
        assert client.echo().status == 0


def test_a_tightened_rule_closes_the_oldest_of_those_who_are_connected(gateway):
    here = gateway(rules=policy())
    clients = []
    for number in range(6):
        clients.append(enter(here, f"d{number}", "ios", way=WAYS[number % 2], codec=CODECS[number // 2 % 2]))
        sessions(here, number + 1)
    bob = here.connect("bob")
    sessions(here, 7)
    here.write_policy(policy(devices={"rule": {"max": 2}}))
    here.reload()
    for client in clients[:4]:
        assert heard(client) == ("replaced", "", 4503)
    for client in (*clients[4:], bob):
        assert client.echo().status == 0
    sessions(here, 3)

    here.write_policy(policy(devices={"classes": {"all": ["ios"]}, "rule": "one_per_class"}))
    here.reload()
    assert heard(clients[4]) == ("replaced", "", 4503)
    assert clients[5].echo().status == 0

    # A wider rule closes nobody, and holds from the next connection on.
    here.write_policy(policy())
    here.reload()
    more = enter(here, "d7", "ios")
    assert more.echo().status == 0 and clients[5].echo().status == 0
    assert closed(here, "replaced") == 5
    assert here.metric("sluice_presence_events_total", state="offline") == 0


def test_many_connections_over_a_tightened_rule_are_closed_at_the_pace_of_a_reload(gateway):
    here = gateway(rules=policy(), limits={"reload_close_per_second": 40})
    clients = [here.raw(f"user{number % 30}") for number in range(90)]
    sessions(here, 90)
    here.write_policy(policy(devices={"rule": "one_in_all"}))
    began = time.monotonic()
    here.reload()
    # 60 have to go, 40 a second: each event loop closes 2 in a tenth of a second, and one of the two has half of them.
    until(lambda: closed(here, "replaced") == 60, 15)
    assert time.monotonic() - began >= 1.3, "not all in one moment"
    sessions(here, 30)
    assert here.metric("sluice_limit_exceeded_total", limit="reload_close_per_second") > 0
    assert here.metric("sluice_presence_events_total", state="offline") == 0
    assert [client.close_code() for client in clients[:60]] == [4503] * 60, "the older ones"
    for client in clients:
        client.close()
