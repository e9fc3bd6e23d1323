"""The five-minute tour of README.md, run as it is printed: only the ports are others."""
import json
import re
import shutil
import subprocess
import sys

import pytest
from harness.gateway import limit, policy
from harness.processes import ROOT, SLUICE, Process, environment
from harness.waiting import free_port, listens, until


def blocks():
    """The shell blocks of the tour, in order."""
    text = (ROOT / "README.md").read_text()
    tour = text[text.index("\n## Five minutes\n"):]
    tour = tour[:tour.index("\n## ", 5)]
    return re.findall(r"^```sh\n(.*?)^```$", tour, re.M | re.S)


def block(*words):
    """The first block that holds all of these words."""
    found = [one for one in blocks() if all(word in one for word in words)]
    assert found, f"README.md has no shell block with {words}"
    return found[0]


class Tour:
    """A clone of the parts the tour touches, with the demo running in it."""

    def __init__(self, folder, journald, started):
        self.folder, self.journald, self.started = folder, journald, started
        self.ports = {"8080": str(free_port()), "9901": str(free_port()), "7080": str(free_port())}
        self.env = {"SLUICE_LISTENERS_0_PORT": self.ports["8080"], "SLUICE_ADMIN_PORT": self.ports["9901"],
                    "SLUICE_LISTENERS_1_PORT": self.ports["7080"]}
        for part in ("policies", "Config"):
            shutil.copytree(ROOT / part, folder / part)
        (folder / ".build/release").mkdir(parents=True)
        (folder / ".build/release/sluice").symlink_to(SLUICE.resolve())
        # The tour makes an environment with `websockets`; the one of the tests has it.
        (folder / ".build/tour").symlink_to(sys.prefix)
        self.run("git init -q . && git add policies Config && "
                 "git -c user.name=t -c user.email=t@example.org commit -qm tour", check=True)
        self.demo = started(self.background("demo", "exec .build/release/sluice demo --policies policies"))
        until(lambda: (self.demo.check_running() or True) and all(listens(int(p)) for p in self.ports.values()), 20)

    def command(self, script):
        for printed, real in self.ports.items():
            script = script.replace(f"127.0.0.1:{printed}", f"127.0.0.1:{real}")
        return self.journald.inside("bash", "-c", f"cd '{self.folder}'\n{script}")

    def run(self, script, check=False):
        return subprocess.run(
            self.command(script), capture_output=True, text=True, timeout=60, check=check, env=environment(self.env))

    def background(self, name, script):
        return Process(name, self.command(script), self.folder, self.env)


@pytest.fixture
def tour(tmp_path, own_journald, started):
    return Tour(tmp_path, own_journald, started)


def statuses(output):
    """Of the replies that alice's side of the tour's script printed."""
    replies = [json.loads(line.split(" ", 1)[1]) for line in output.splitlines() if line.startswith("alice ")]
    return [reply for reply in replies if "status" in reply and reply["cmd"] == 1001]


def test_the_five_minute_tour_works_as_printed(tour):
    sent = tour.run(block("TOKEN=", "message.send"))
    assert sent.returncode == 0 and json.loads(sent.stdout)["id"], sent

    limited = tour.run(block(".build/tour.py", "<<'END'"))
    replies = statuses(limited.stdout)
    assert len(replies) == 12, limited
    refused = [reply["refusal"] for reply in replies if reply["status"] == 429]
    assert 2 <= len(refused) <= 3 and {one["rule"] for one in refused} == {"send-per-user"}, replies

    explained = tour.run(block("policy explain"))
    shown = re.search(r"^```\n(  send-per-user .*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S).group(1)
    assert explained.returncode == 0 and explained.stdout.endswith(shown), explained

    def replayed():
        shown = tour.run(block("policy replay"))
        assert shown.returncode == 0 and "older gateway" not in shown.stdout, shown
        return re.search(r"^  send-per-user +[4-6] .* message\.send [4-6]$", shown.stdout, re.M)
    until(replayed, 15, "the journal has all entries")

    talker = tour.started(tour.background("talker", "exec " + block("tour.py 60 1").strip()))
    until(lambda: any(reply["status"] == 0 for reply in statuses(talker.output())), 15)
    assert not any(reply["status"] for reply in statuses(talker.output())[-1:]), "once a second is within the limit"

    changed = tour.run(block("burst: 2/", "sluice reload --wait"))
    assert changed.returncode == 0 and "1 of 1 test failed" in changed.stdout, changed
    assert "send-per-user" in changed.stdout.partition("test failed")[2], "the reload says what changed"
    until(lambda: any(reply["status"] == 429 for reply in statuses(talker.output())), 20,
          "the open connection follows the lower limit")
    talker.check_running()

    broken = tour.run(block("burts", "sluice reload --wait"))
    said = broken.stdout + broken.stderr
    assert broken.returncode == 1, said
    assert re.search(r"policies/messaging\.yaml:\d+:\d+: error: unknown key `burts`; did you mean `burst`\?", said)

    restored = tour.run(block("git checkout policies", "sluice reload --wait"))
    assert restored.returncode == 0, restored
    talker.stop()

    metrics = tour.run(next(line for line in block("/metrics").splitlines() if "/metrics" in line))
    assert re.search(r'sluice_rate_limit_decisions_total\{[^}]*decision="refuse"[^}]*\} [1-9]', metrics.stdout), metrics

    lines = [line for line in block("journalctl").splitlines() if line.startswith("journalctl")]
    assert lines

    def told():
        outputs = [tour.run(line).stdout for line in lines]
        assert "SLUICE_RULE=send-per-user" in outputs[0] and "burts" in outputs[1], outputs
        return True
    until(told, 15)
    assert tour.demo.stop(15) == 0


def test_the_readme_shows_the_refusal_that_the_gateway_sends(gateway):
    """The JSON printed in the README has the keys, in the order, of a real refusal."""
    text = (ROOT / "README.md").read_text()
    shown = json.loads(re.search(r"^```json\n(.*?)^```$", text, re.M | re.S).group(1))
    here = gateway(rules=policy(limit("send-per-user", 1, "60s", burst=1, actions=["message.send"])))
    client = here.connect("alice")
    for seq in (1, 2):
        client.send(1001, {"to": "bob", "text": "hi"}, seq=seq)
    real = client.reply(2).raw  # it overtakes the answer of the service
    assert list(real) == list(shown) and list(real["refusal"]) == list(shown["refusal"])
    same = lambda refusal: {key: value for key, value in refusal.items() if key != "retry_after_ms"}
    assert same(real["refusal"]) == same(shown["refusal"])
