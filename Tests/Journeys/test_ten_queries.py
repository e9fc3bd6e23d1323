"""The ten queries of docs/observability.md, run as they are printed over a journal in which all of it happened."""
import re
import subprocess

from harness import envelopes
from harness.gateway import limit, policy
from harness.processes import ROOT
from harness.waiting import free_port, until

PAGE = (ROOT / "docs/observability.md").read_text()
SECTION = PAGE[PAGE.index("\n### Ten queries\n"):].split("\nWithout journald")[0]
QUERIES = re.findall(r"^```sh\n(.*?)^```$", SECTION, re.M | re.S)

CATALOG = """
set -e
mkdir -p "$1/catalog" /var/lib/systemd/catalog
cp /usr/lib/systemd/catalog/*.catalog "$1/catalog/" 2>/dev/null || true
cp "$2" "$1/catalog/"
mount --bind "$1/catalog" /usr/lib/systemd/catalog
mount -t tmpfs none /var/lib/systemd/catalog
journalctl --update-catalog
"""


def test_each_finds_what_it_says(own_journald, gateway, services, tmp_path):
    # In the namespace of this journald, so that the machine's own catalog stays as it is.
    subprocess.run(
        own_journald.inside("bash", "-c", CATALOG, "bash", tmp_path, ROOT / "Config/journald/sluice.catalog"),
        check=True, capture_output=True)
    nobody = free_port()
    here = gateway(
        rules=policy(limit("send-per-user", 2, "1h", burst=2, actions=("message.send",))), journald=own_journald,
        services={"user": [services.port], "message": [services.port], "friend": [nobody]}, wait_for_services=False)
    until(lambda: here.metric("sluice_upstream_instances", service="message", state="ready") > 0, 20)
    alice, bob = here.connect("alice"), here.connect("bob")
    for _ in range(3):
        alice.request(envelopes.SEND, {"to": "bob", "text": "x"})
    assert bob.request(envelopes.SEND, {"to": "alice", "text": "x"}).status == 0
    assert bob.request(envelopes.FRIENDS, {}).status == 503
    here.secrets.add("not-her-password")
    for _ in range(2):
        assert here.curl("/v1/login", body='{"user":"alice","password":"not-her-password"}')[0] == 401
    here.write_policy(policy(limit("send-per-user", 3, "1h", burst=3, actions=("message.send",))))
    here.reload()
    bob.close()

    def closed():
        return here.journal("SLUICE_EVENT=close", "SLUICE_USER=bob") and here.journal("SLUICE_EVENT=reload")
    until(closed, 15, "the journal has all of it")
    entry = here.journal("SLUICE_USER=alice", "SLUICE_ACTION=message.send", "SLUICE_OUTCOME=refused")[0]

    def run(number):
        # The ids on the page are examples; everything else is run as it stands.
        text = QUERIES[number - 1]
        text = text.replace("0000000000000001-3", entry["SLUICE_REQUEST_ID"])
        text = text.replace("0000000000000001", entry["SLUICE_CONNECTION_ID"])
        done = subprocess.run(
            own_journald.inside("bash", "-c", text), capture_output=True, text=True, check=True, timeout=60)
        return done.stdout

    assert len(QUERIES) == 10
    did = run(1)
    assert did.count("message.send ok") == 2 and "message.send refused" in did and "bob" not in did
    refused = run(2).splitlines()
    assert len(refused) == 1 and "429 rate_limited by rule send-per-user" in refused[0]
    assert "friend.list error: 503 service_unavailable" in run(3)
    assert len(run(4).splitlines()) == 1
    one = run(5)
    assert one.count("SLUICE_RULE=send-per-user") == 1, "the request in full"
    assert "connection opened" in one, "and its connection"
    assert run(6).split() == ["2", '"SLUICE_CLIENT":"127.0.0.1"']
    reload = run(7)
    assert "policy reloaded" in reload and "-- Subject: Sluice reloaded its policy" in re.sub("[░─]+", "--", reload)
    assert '"SLUICE_REFUSAL":"client_closed"' in run(8)
    assert "is up" in run(9)
    assert run(10).strip() == "4"
