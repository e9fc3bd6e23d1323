"""Samples of the journal: a share of each action's requests has an entry, and the weights are all of them."""
import threading
from collections import Counter

import pytest
from harness import envelopes
from harness.fake_service import FakeService
from harness.gateway import limit, policy
from harness.waiting import until

PLENTY = {"budget_per_second": 100_000, "reserve_per_second": 100_000}


def logging(**sample):
    return {**PLENTY, "sample": sample}


def burst(client, count, cmd=envelopes.ECHO):
    """Sends so many requests, some at a time; returns their replies by status."""
    statuses = Counter()
    while count > 0:
        some = min(count, 100)
        for seq in range(client.sequence + 1, client.sequence + 1 + some):
            client.send(cmd, {"user": "alice"}, seq=seq)
        for seq in range(client.sequence + 1, client.sequence + 1 + some):
            statuses[client.reply(seq).status] += 1
        client.sequence += some
        count -= some
    return statuses


def weights(entries):
    return sum(int(entry["SLUICE_WEIGHT"]) for entry in entries)


def test_weights_of_a_sampled_action_are_its_requests_and_every_refusal_is_there(gateway):
    once = limit("echo-limit", 2_000, "24h", burst=2_000, key=[])
    here = gateway(rules=policy(once, logging=logging(actions={"echo": {"ok": 0.1}})))
    alice, bob = here.connect("alice", "protobuf"), here.connect("bob")
    done = burst(alice, 1_000) + burst(bob, 1_000)
    refused = burst(alice, 20) + burst(bob, 20)
    assert done == {0: 2_000} and refused == {429: 40}, (done, refused)
    assert burst(alice, 30, envelopes.FRIENDS) == {0: 30}
    # What no entry stands for yet is told at the end.
    assert here.stop(15) == 0
    entries = here.journal("SLUICE_ACTION=echo")
    ok = [entry for entry in entries if entry["SLUICE_OUTCOME"] == "ok"]
    assert weights(ok) == 2_000
    assert 100 < len(ok) < 320, f"{len(ok)} entries are not about a tenth"
    no = [entry for entry in entries if entry["SLUICE_OUTCOME"] == "refused"]
    assert [entry["SLUICE_WEIGHT"] for entry in no] == ["1"] * 40, "refusals are not sampled"
    assert all(entry["SLUICE_RULE"] == "echo-limit" for entry in no)
    others = here.journal("SLUICE_ACTION=friend.list")
    assert [entry["SLUICE_WEIGHT"] for entry in others] == ["1"] * 30, "nor are other actions"


def test_a_share_of_zero_leaves_one_entry_for_all_of_them(gateway):
    here = gateway(rules=policy(logging=logging(ok=0, actions={"echo": {"ok": 1}})))
    client = here.connect("alice")
    assert burst(client, 50, envelopes.FRIENDS) == {0: 50}
    assert burst(client, 5) == {0: 5}
    # At once after they stopped; within a minute if some had been told of before.
    entries = until(
        lambda: weights(found := here.journal("SLUICE_ACTION=friend.list")) == 50 and found, 90)
    assert len(entries) <= 2
    assert entries[0]["SLUICE_OUTCOME"] == "ok" and "SLUICE_USER" not in entries[0]
    assert "requests of friend.list, sampled out" in entries[0]["MESSAGE"]
    until(lambda: len(here.journal("SLUICE_ACTION=echo")) == 5, 15, "the longer pattern counts")
    assert here.metric("sluice_requests_total", action="friend.list", outcome="ok") == 50
    assert here.metric("sluice_log_entries_total", **{"class": "ok", "result": "sampled"}) >= 50


def test_shares_change_with_a_reload_and_no_request_is_forgotten(gateway):
    here = gateway(rules=policy(logging=logging(actions={"echo": {"ok": 0}})))
    clients = [here.connect("alice"), here.connect("bob")]
    for client in clients:
        assert burst(client, 100) == {0: 100}
    here.write_policy(policy(logging=PLENTY))
    here.reload()
    for client in clients:
        assert burst(client, 10) == {0: 10}
    assert here.stop(15) == 0
    entries = here.journal("SLUICE_ACTION=echo")
    assert weights(entries) == 220
    named = [entry for entry in entries if "SLUICE_USER" in entry]
    assert len(named) == 20, "from the reload on each has its entry"


def test_requests_keep_their_action_over_a_reload_that_changes_the_commands(gateway):
    here = gateway(rules=policy(logging=logging(ok=0)))
    client = here.connect("alice")
    assert burst(client, 7, envelopes.FRIENDS) == {0: 7}
    assert burst(client, 5, envelopes.PROFILE) == {0: 5}
    here.config["commands"] = [
        command for command in here.config["commands"] if command["name"] != "friend.list"]
    here.rewrite_config()
    here.reload()
    assert burst(client, 5, envelopes.PROFILE) == {0: 5}
    gone = until(lambda: weights(found := here.journal("SLUICE_ACTION=friend.list")) == 7 and found, 15)
    assert {entry["SLUICE_OUTCOME"] for entry in gone} == {"ok"}
    assert here.stop(15) == 0
    assert weights(here.journal("SLUICE_ACTION=user.profile")) == 10
    assert weights(here.journal("SLUICE_ACTION=friend.list")) == 7


@pytest.mark.parametrize("way", ["websocket", "http"])
def test_a_request_that_outlives_its_command_is_answered_and_counts_as_unknown(gateway, services, way):
    service = FakeService()
    slow = {"id": 1900, "name": "slow.ask", "service": "message", "from": "client", "timeout": "10s",
            "ordered": False, "retry_safe": False, "max_bytes": 4096}
    # The last of the catalog: without it the index of its action is none.
    rule = {"name": "ask", "effect": "permit", "principal": {"roles": ["member"]}, "action": ["slow.*"]}
    here = gateway(
        services={"user": [services.port], "message": [service.port], "friend": [services.port]},
        rules=policy(rules=[rule]),
        config=lambda made: {"commands": [*made.config["commands"], slow]})
    answers = []
    if way == "websocket":
        client = here.connect("alice")
        client.send(slow["id"], {}, seq=1)
    else:
        header = f"Authorization: Bearer {here.token('alice')}"
        asking = threading.Thread(
            target=lambda: answers.append(here.curl("/v1/commands/slow.ask", "-H", header, body="{}")[0]))
        asking.start()

    def asked():
        return [call for call in service.calls if call.envelope.cmd == slow["id"]]
    [call] = until(asked)
    here.config["commands"] = [one for one in here.config["commands"] if one["name"] != "slow.ask"]
    here.rewrite_config()
    here.reload()
    call.reply_json(b'"late"')
    if way == "websocket":
        assert client.reply(1).data == "late"
    else:
        asking.join(15)
        assert answers == [200]
    [entry] = until(lambda: here.journal("SLUICE_EVENT=request", "SLUICE_ACTION=unknown"), 15)
    assert (entry["SLUICE_OUTCOME"], entry["SLUICE_COMMAND"]) == ("ok", str(slow["id"]))
    service.stop()
