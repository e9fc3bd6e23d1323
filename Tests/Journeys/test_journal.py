"""What journald holds after requests: one entry each, with the documented fields, and no secret."""
import re

from harness import envelopes
from harness.clients import CODECS
from harness.gateway import limit, policy
from harness.processes import ROOT
from harness.waiting import until

# Fields of every request of an authenticated client that a service answered.
ALWAYS = {
    "MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "SLUICE_EVENT", "SLUICE_REQUEST_ID", "SLUICE_CONNECTION_ID",
    "SLUICE_TRANSPORT", "SLUICE_ACTION", "SLUICE_COMMAND", "SLUICE_USER", "SLUICE_CLIENT", "SLUICE_STATUS",
    "SLUICE_OUTCOME", "SLUICE_RULE", "SLUICE_SERVICE", "SLUICE_INSTANCE", "SLUICE_ATTEMPTS",
    "SLUICE_DURATION_US", "SLUICE_UPSTREAM_US", "SLUICE_BYTES_IN", "SLUICE_BYTES_OUT", "SLUICE_TIME_US",
    "SLUICE_POLICY", "SLUICE_WEIGHT",
}
PAGE = (ROOT / "docs/observability.md").read_text()
DOCUMENTED = set(re.findall(r"SLUICE_[A-Z_]+", PAGE))
# The table of fields that requests and connections have; other entries have some of their own.
TABLE = set(re.findall(r"^\| `([A-Z_]+)` \|", PAGE.split("<!-- fields -->")[1].split("<!-- /fields -->")[0], re.M))
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def requests(gateway, *matches, count):
    """Waits until `count` request entries are there, and returns them."""
    def found():
        entries = gateway.journal("SLUICE_EVENT=request", *matches)
        assert len(entries) >= count, f"{len(entries)} of {count}"
        return entries
    entries = until(found, 15, f"{count} entries {matches}")
    assert len(entries) == count, "more than one entry for a request"
    return entries


def test_one_entry_per_request_with_the_documented_fields(gateway):
    here = gateway(rules=policy(limit("echo-limit", 100, "1h", burst=100)))
    client = here.connect("alice", claims={"plan": "pro"}, query="device=phone-1&platform=ios")
    assert client.echo("logged", topic="room-7", trace=TRACE).status == 0
    (entry,) = requests(here, "SLUICE_ACTION=echo", count=1)
    assert ALWAYS <= entry.keys(), ALWAYS - entry.keys()
    assert entry["PRIORITY"] == "6" and entry["SYSLOG_IDENTIFIER"] == "sluice"
    assert entry["SLUICE_USER"] == "alice" and entry["SLUICE_DEVICE"] == "phone-1"
    assert entry["SLUICE_COMMAND"] == "100" and entry["SLUICE_TRANSPORT"] == "websocket"
    assert entry["SLUICE_STATUS"] == "0" and entry["SLUICE_OUTCOME"] == "ok"
    assert entry["SLUICE_SERVICE"] == "message" and entry["SLUICE_INSTANCE"].startswith("127.0.0.1:")
    assert entry["SLUICE_ATTEMPTS"] == "1" and entry["SLUICE_WEIGHT"] == "1"
    assert entry["SLUICE_TOPIC"] == "room-7" and entry["SLUICE_CLIENT"] == "127.0.0.1"
    assert "4bf92f3577b34da6a3ce929d0e0e4736" in entry["SLUICE_TRACE_ID"]
    assert entry["SLUICE_REMAINING"] == "99" and entry["SLUICE_RULE"]
    assert 0 < int(entry["SLUICE_UPSTREAM_US"]) <= int(entry["SLUICE_DURATION_US"]) < 5_000_000
    assert re.fullmatch(r"[0-9a-f]{16}-\d+", entry["SLUICE_REQUEST_ID"])
    assert entry["SLUICE_REQUEST_ID"].startswith(entry["SLUICE_CONNECTION_ID"])
    receipt = int(entry["__REALTIME_TIMESTAMP"])
    assert receipt - 60_000_000 < int(entry["SLUICE_TIME_US"]) <= receipt
    assert entry["SLUICE_POLICY"] == here.json("/v1/policy")["revision"]


def test_every_field_written_is_documented_and_every_documented_one_is_written(gateway):
    here = gateway(rules=policy(limit("echo-limit", 2, "1h", burst=2), rules=[
        {"name": "free-has-no-history", "effect": "deny", "principal": {"claims": {"plan": ["free"]}},
         "action": ["message.history"]}]))
    client = here.connect("alice", query="device=phone-1&platform=ios&app=chat")
    for _ in range(3):
        client.echo("x", topic="room", trace=TRACE)
    client.request(envelopes.HISTORY, {"with": "bob"})
    here.curl("/v1/commands/echo", body="{}")
    client.close()
    entries = until(lambda: len(found := here.journal("SLUICE_EVENT=close")) and here.journal(), 15)
    written = {name for entry in entries for name in entry if name.startswith("SLUICE_")} | {"MESSAGE_ID"}
    extra = written - DOCUMENTED - {"MESSAGE_ID"}
    assert not extra, f"not in docs: {extra}"
    missing = {name for name in TABLE if name.startswith("SLUICE_")} - written
    assert not missing, f"documented, never written: {missing}"


def test_journalctl_finds_what_alice_was_refused(gateway):
    here = gateway(rules=policy(limit("echo-limit", 3, "1h", burst=3)))
    alice, bob = here.connect("alice"), here.connect("bob")
    for client in (alice, bob):
        for _ in range(5):
            client.echo()
    refused = requests(here, "SLUICE_USER=alice", "SLUICE_OUTCOME=refused", count=2)
    for entry in refused:
        assert entry["SLUICE_RULE"] == "echo-limit" and entry["SLUICE_STATUS"] == "429"
        assert entry["PRIORITY"] == "4" and int(entry["SLUICE_RETRY_AFTER_MS"]) > 0
        assert "SLUICE_SERVICE" not in entry, "it went to no service"
    assert len(requests(here, "SLUICE_USER=alice", "SLUICE_OUTCOME=ok", count=3)) == 3
    assert len(requests(here, "SLUICE_USER=bob", count=5)) == 5


def test_entries_equal_requests_one_by_one(gateway):
    """Below the budget nothing is sampled: ids are consecutive and none repeats."""
    here = gateway(rules=policy(logging={"budget_per_second": 100_000}))
    clients = [here.connect(user, codec) for user in ("alice", "bob") for codec in CODECS]
    for turn in range(50):
        for client in clients:
            client.echo(turn)
    entries = requests(here, "SLUICE_ACTION=echo", count=200)
    assert len({entry["SLUICE_REQUEST_ID"] for entry in entries}) == 200
    assert {entry["SLUICE_WEIGHT"] for entry in entries} == {"1"}


def test_connections_logins_and_strangers_have_their_entries(gateway):
    here = gateway()
    token = here.log_in("alice", "wonderland")["token"]
    here.secrets.add("off-with-her-head")
    assert here.curl("/v1/login", body='{"user":"alice","password":"off-with-her-head"}')[0] == 401
    client = here.connect(token=token)
    client.close()
    stranger = here.stranger()
    stranger.request(envelopes.ECHO, "x")
    stranger.close()

    def events(name):
        return here.journal(f"SLUICE_EVENT={name}")
    until(lambda: len(events("close")) >= 2 and len(events("login")) >= 2, 15, "all entries have come")
    logins = events("login")
    assert sorted(entry["SLUICE_OUTCOME"] for entry in logins) == ["ok", "refused"]
    assert all("SLUICE_USER" not in e for e in logins if e["SLUICE_OUTCOME"] == "refused"), \
        "a name that proved nothing is not a user"
    opened = [e for e in events("open") if e.get("SLUICE_USER") == "alice"]
    closed = [e for e in events("close") if e.get("SLUICE_USER") == "alice"]
    assert len(opened) == 1 and len(closed) == 1
    assert opened[0]["SLUICE_CONNECTION_ID"] == closed[0]["SLUICE_CONNECTION_ID"]
    unknown = here.journal("SLUICE_EVENT=request", "SLUICE_STATUS=401")
    assert unknown and all("SLUICE_USER" not in entry for entry in unknown)


def test_the_token_is_nowhere_whichever_way_it_came(gateway):
    """The fixture looks for every secret at the end of each journey; this one sends them all ways."""
    here = gateway()
    for channel in ("header", "subprotocol", "query", "frame"):
        here.connect("alice", channel=channel, claims={"jti": channel}).echo()
    here.secrets.add("s3cr3t-payload-text")
    client = here.connect("bob")
    client.echo("s3cr3t-payload-text")
    client.request(envelopes.SEND, {"to": "alice", "text": "s3cr3t-payload-text"})
    here.curl("/v1/nothing?token=" + here.token("carol"))
    requests(here, "SLUICE_ACTION=echo", count=5)
    here.check_secrets()
    assert b"SLUICE_USER=alice" in here.journald.export(f"_PID={here.pid}"), "the search saw the journal"


def test_over_the_budget_entries_are_sampled_with_true_weights(gateway):
    """What the entries stand for adds up to what was done."""
    rules = policy(logging={"budget_per_second": 100, "reserve_per_second": 50})
    here = gateway(rules=rules)
    client = here.connect("alice", "protobuf")
    total = 6_000
    done = 0
    while done < total:
        for seq in range(1, 201):
            client.send(envelopes.ECHO, seq=seq, payload=b"x")
        for _ in range(200):
            assert client.receive().status == 0
        done += 200

    def settled():
        """Every ok request of the process, connections included: they share the budget and its weights."""
        entries = here.journal("SLUICE_OUTCOME=ok")
        counted = [one for one in entries if one["SLUICE_EVENT"] in ("request", "open", "login", "push")]
        stood_for = sum(int(one["SLUICE_WEIGHT"]) for one in counted)
        return stood_for >= total and (stood_for, counted)
    # Two seconds after the load; within a minute if it paused, so that some had been told of before.
    stood_for, counted = until(settled, 90)
    assert len(counted) < total / 2, "nothing was sampled"
    assert stood_for <= total + 5, (stood_for, total, len(counted))
    assert here.metric("sluice_log_dropped_total") == 0


def test_without_journald_entries_are_json_lines_on_standard_error(gateway):
    import json
    here = gateway(journald=None, journal="stderr")
    here.connect("alice").echo("x")

    def line():
        for text in here.errors().splitlines():
            if text.startswith("{") and (entry := json.loads(text)).get("SLUICE_ACTION") == "echo":
                return entry
    entry = until(line)
    assert ALWAYS - {"SYSLOG_IDENTIFIER"} <= entry.keys(), ALWAYS - entry.keys()
    assert entry["SLUICE_USER"] == "alice"
