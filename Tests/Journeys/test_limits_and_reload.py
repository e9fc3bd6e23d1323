"""Limits refuse exactly the surplus, and a reload changes them under open connections."""
import json
import signal

import pytest
import yaml
from harness import envelopes
from harness.clients import CODECS
from harness.gateway import limit, policy
from harness.load import Load
from harness.waiting import until


def burst(client, count, cmd=envelopes.ECHO, data="x", **fields):
    """Sends `count` requests at once; returns their replies."""
    first = client.sequence + 1
    for seq in range(first, first + count):
        client.send(cmd, data, seq=seq, **fields)
    client.sequence += count
    return [client.reply(seq) for seq in range(first, first + count)]


def verdicts(replies):
    return [reply.status for reply in replies]


@pytest.mark.parametrize("codec", CODECS)
def test_a_limit_refuses_exactly_the_surplus_with_its_name_and_the_retry_time(gateway, codec):
    here = gateway(rules=policy(limit("send-per-user", 60, "3600s", burst=10)))
    client = here.connect("alice", codec)
    replies = burst(client, 14)
    assert verdicts(replies) == [0] * 10 + [429] * 4
    for reply in replies[10:]:
        refusal = reply.refusal
        assert refusal["name"] == "rate_limited" and refusal["rule"] == "send-per-user"
        assert refusal["temporary"] is True
        # One token comes back every 60 s; some milliseconds of it have passed.
        assert 55_000 < refusal["retry_after_ms"] <= 60_000, refusal
    assert here.connect("bob", codec).echo().status == 0, "another user has a bucket of his own"
    assert client.request(envelopes.FRIENDS, {}).status == 0, "another action has no such limit"
    assert here.metric("sluice_rate_limit_decisions_total", rule="send-per-user", decision="allow") == 11
    assert here.metric("sluice_rate_limit_decisions_total", rule="send-per-user", decision="refuse") == 4


def test_the_bucket_belongs_to_the_user_not_to_the_connection(gateway):
    here = gateway(rules=policy(limit("per-user", 4, "1h", burst=4)))
    first, second = here.connect("alice"), here.connect("alice", "protobuf")
    assert verdicts(burst(first, 3)) == [0] * 3
    assert verdicts(burst(second, 3)) == [0, 429, 429]
    first.close(), second.close()
    assert verdicts(burst(here.connect("alice"), 1)) == [429], "nor does it end with the connections"


def test_after_the_retry_time_exactly_one_more_is_let_through(gateway):
    here = gateway(rules=policy(limit("per-user", 1, "6s", burst=1)))
    client = here.connect("alice")
    first, refused = burst(client, 2)
    assert (first.status, refused.status) == (0, 429)
    assert 0 < refused.refusal["retry_after_ms"] <= 6_000
    until(lambda: client.echo().status == 0, 20)
    assert client.echo().status == 429


def test_several_limits_hold_at_once_and_a_refused_call_spends_nothing(gateway):
    here = gateway(rules=policy(
        limit("wide", 100, "1h", burst=6), limit("narrow", 100, "1h", burst=3, key=["room"])))
    client = here.connect("alice")
    assert verdicts(burst(client, 5, topic="a")) == [0, 0, 0, 429, 429]
    # The two refused ones left `wide` alone: three of its six are left.
    replies = burst(client, 4, topic="b")
    assert verdicts(replies) == [0, 0, 0, 429]
    assert replies[3].refusal["rule"] in ("wide", "narrow")


def test_bytes_cost_what_they_weigh_and_more_than_the_burst_is_too_large(gateway):
    here = gateway(rules=policy(limit("bytes", 1000, "1h", burst=1000, unit="bytes")))
    client = here.connect("alice", "protobuf")
    assert client.echo(None, payload=b"x" * 600).status == 0
    assert client.echo(None, payload=b"x" * 600).status == 429
    assert client.echo(None, payload=b"x" * 400).status == 0
    assert client.echo(None, payload=b"x" * 1001).status == 413


def test_shadow_rules_decide_and_count_but_do_not_enforce(gateway):
    here = gateway(rules=policy(limit("planned", 1, "1h", burst=1, shadow=True)))
    client = here.connect("alice")
    assert verdicts(burst(client, 4)) == [0] * 4
    assert here.metric("sluice_rate_limit_decisions_total", rule="planned", decision="shadow_refuse") == 3


def test_failed_logins_are_limited_per_account_and_address(gateway):
    here = gateway(rules=policy(limit("logins", 3, "1h", burst=3, actions=["auth.login"], key=["login", "peer"])))
    here.secrets.add("guess-12345")
    wrong = json.dumps({"user": "alice", "password": "guess-12345"})
    assert [here.curl("/v1/login", body=wrong)[0] for _ in range(4)] == [401, 401, 401, 429]
    status, headers, body = here.curl("/v1/login", body=wrong)
    assert status == 429 and int(headers["retry-after"]) > 0 and "logins" in body.decode(), (headers, body)
    assert here.log_in("bob", "builder")["user_id"] == "bob", "another account is not locked out"


def test_after_sighup_the_next_messages_of_the_same_connection_follow_the_new_limit(gateway):
    here = gateway(rules=policy(limit("echo-limit", 10, "1h", burst=2), limit("kept", 10, "1h", burst=3,
                                                                           actions=["friend.list"])))
    client = here.connect("alice")
    assert verdicts(burst(client, 3)) == [0, 0, 429]
    assert verdicts(burst(client, 3, envelopes.FRIENDS, {})) == [0] * 3

    here.write_policy(policy(limit("echo-limit", 10, "1h", burst=6), limit("kept", 10, "1h", burst=3,
                                                                         actions=["friend.list"])))
    here.reload()
    # Changed numbers keep the fill ratio: the empty bucket stays empty, whatever its new size.
    assert verdicts(burst(client, 1)) == [429]
    assert verdicts(burst(client, 1, envelopes.FRIENDS, {})) == [429], "an unchanged rule keeps its bucket"
    other = here.connect("bob")
    assert verdicts(burst(other, 7)) == [0] * 6 + [429], "the new burst holds for everybody"

    here.write_policy(policy())
    here.reload()
    assert verdicts(burst(client, 20)) == [0] * 20, "a removed rule limits nobody"
    assert client.echo("the same connection all along").status == 0


def test_a_renamed_rule_keeps_its_buckets(gateway):
    here = gateway(rules=policy(limit("old-name", 10, "1h", burst=2)))
    client = here.connect("alice")
    assert verdicts(burst(client, 3)) == [0, 0, 429]
    here.write_policy(policy(limit("new-name", 10, "1h", burst=2, was=["old-name"])))
    here.reload()
    refused = client.echo()
    assert refused.status == 429 and refused.refusal["rule"] == "new-name"


def test_a_broken_file_is_refused_with_its_place_in_the_journal_and_the_old_limit_stays(gateway):
    here = gateway(rules=policy(limit("stays", 10, "1h", burst=2)))
    client = here.connect("alice")
    assert verdicts(burst(client, 1)) == [0]
    before = here.json("/v1/policy")["revision"]
    text = yaml.safe_dump(policy(limit("stays", 10, "1h", burst=50)), sort_keys=False)
    line = next(n for n, row in enumerate(text.splitlines(), 1) if "burst: 50" in row)
    here.write_policy(text.replace("burst: 50", "burts: 50"))
    here.reload("rejected")
    assert verdicts(burst(client, 2)) == [0, 429], "one of two was left"
    assert here.json("/v1/policy")["revision"] == before

    def told():
        entries = [e for e in here.journal("SLUICE_EVENT=reload") if e["PRIORITY"] == "3"]
        return entries and f"main.yaml:{line}:" in entries[-1]["MESSAGE"] and entries[-1]
    entry = until(told, what="the journal names file, line and column")
    assert "burts" in entry["MESSAGE"] and "burst" in entry["MESSAGE"], entry["MESSAGE"]
    assert entry["MESSAGE_ID"]

    here.write_policy(policy(limit("stays", 10, "1h", burst=2)))
    here.reload("unchanged")
    assert client.echo().status == 429


def test_metrics_tell_whether_the_last_reload_succeeded_and_when_one_last_did(gateway):
    here = gateway(rules=policy(limit("stays", 10, "1h")))
    def shown():
        found = here.metrics()
        return (found["sluice_policy_last_reload_successful", ()],
                found["sluice_policy_last_reload_success_timestamp_seconds", ()])
    successful, start = shown()
    assert successful == 1, "a start is a success"
    here.write_policy("apiVersion: sluice/v1\nkind: PolicySet\nnonsense: true\n")
    here.reload("rejected")
    assert shown() == (0, start)
    here.write_policy(policy(limit("stays", 20, "1h")))
    here.reload()
    successful, changed = shown()
    assert successful == 1 and changed > start
    here.write_policy("apiVersion: sluice/v1\n")
    here.reload("rejected")
    assert shown() == (0, changed)
    here.write_policy(policy(limit("stays", 20, "1h")))
    here.reload("unchanged")
    successful, unchanged = shown()
    assert successful == 1 and unchanged > changed, "what is on disk is in force"


def test_permissions_change_for_live_connections_too(gateway):
    here = gateway()
    client = here.connect("alice")
    assert client.request(envelopes.SEND, {"to": "bob", "text": "1"}).status == 0
    here.write_policy(policy(rules=[{"name": "no-sending", "effect": "deny", "action": ["message.send"]}]))
    here.reload()
    refused = client.request(envelopes.SEND, {"to": "bob", "text": "2"})
    assert refused.status == 403 and refused.refusal["rule"] == "no-sending"
    assert client.echo().status == 0


def test_reload_command_waits_and_tells_by_its_exit_code(gateway):
    here = gateway(rules=policy(limit("one", 5, "1h")))
    here.write_policy(policy(limit("one", 6, "1h")))
    done = here.reload_command("--wait")
    assert done.returncode == 0, done.stderr
    assert here.reloads() == {**here.reloads(), "ok": 1}
    revision = here.json("/v1/policy")["revision"]
    assert here.reload_command("--wait").returncode == 0, "unchanged is fine"
    here.write_policy("apiVersion: sluice/v1\nkind: PolicySet\nnonsense: true\n")
    refused = here.reload_command("--wait")
    assert refused.returncode == 1, (refused.stdout, refused.stderr)
    assert "main.yaml:3:1" in refused.stdout + refused.stderr, (refused.stdout, refused.stderr)
    assert here.json("/v1/policy")["revision"] == revision
    here.write_policy(policy(limit("one", 6, "1h")))
    assert here.reload_command("--wait").returncode == 0


def test_reload_command_says_so_where_no_gateway_runs(gateway, tmp_path):
    here = gateway()
    here.stop()
    failed = here.reload_command("--wait")
    assert failed.returncode == 1 and failed.stderr.strip()


def test_two_hundred_reloads_under_load_lose_no_reply_and_close_no_connection(gateway):
    generous = [limit(f"limit-{n}", 1_000_000, "1s", burst=1_000_000) for n in range(5)]
    here = gateway(rules=policy(*generous))
    load = Load(here, [f"user{n}" for n in range(20)], depth=4)
    variants = [policy(*generous), policy(*generous[:3], limit("other", 2_000_000, "1s", burst=500_000))]
    try:
        for turn in range(1, 201):
            here.write_policy(variants[turn % 2])
            here.signal(signal.SIGHUP)
            until(lambda: sum(here.reloads().values()) >= turn, 15, f"reload {turn} of 200", every=0.005)
    finally:
        outcome = load.finish()
    assert here.reloads().get("rejected", 0) == 0 and here.reloads()["ok"] == 200
    assert not outcome.problems and not outcome.closed, (outcome.problems, outcome.closed)
    assert outcome.sent > 200 and outcome.replies == {0: outcome.sent}
