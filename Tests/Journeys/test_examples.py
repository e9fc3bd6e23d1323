"""The programs in Examples, run as their users would."""
import subprocess
import sys

from harness.processes import ROOT, Process, environment
from harness.waiting import until

CHAT = ROOT / "Examples/chat.py"


def test_the_chat_example_carries_a_message_from_alice_to_bob(gateway, tmp_path, started):
    here = gateway()
    base = f"http://127.0.0.1:{here.port}"
    bob = started(Process("bob", [sys.executable, CHAT, base, "bob", "builder"], tmp_path))
    until(lambda: "connected" in bob.output(), 20, "bob is connected")
    alice = subprocess.run(
        [sys.executable, CHAT, base, "alice", "wonderland", "bob", "hi from the example"],
        capture_output=True, text=True, timeout=30, env=environment({}))
    assert alice.returncode == 0, alice.stderr
    assert "sent, id" in alice.stdout
    until(lambda: "alice: hi from the example" in bob.output(), 20, "bob has read it")
    until(lambda: "alice is offline" in bob.output(), 20, "bob knows that alice has gone")
    bob.signal(2)


def test_the_chat_example_tells_a_refused_login(gateway):
    here = gateway()
    wrong = subprocess.run(
        [sys.executable, CHAT, f"http://127.0.0.1:{here.port}", "alice", "nonsense", "bob", "x"],
        capture_output=True, text=True, timeout=30, env=environment({}))
    assert wrong.returncode == 1
    assert "login refused: bad_credentials" in wrong.stderr
