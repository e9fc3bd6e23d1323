"""A thousand edits of the policy under load: limits that no edit touches let exactly their number through over the
whole run, those that are edited never more than the largest numbers allow, and no connection is lost.

Everything is counted from outside: by the clients, and by the service for what is under way at once.
"""
import asyncio
import itertools
import os
import random
import signal
import threading
import time
from collections import Counter

import pytest
from harness import envelopes
from harness.clients import SUBPROTOCOL
from harness.gateway import policy
from harness.recording import RecordingService
from harness.waiting import until
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

EDITS = int(os.environ.get("SLUICE_TEST_EDITS", "1000"))
USERS = ("ann", "ben", "cid")
CONNECTIONS = 4  # of each user
# What nothing ever changes: (name, command, algorithm and numbers, calls in a run of some minutes).
FIXED = [
    ("kept-bucket", "friend.list", {"algorithm": "token_bucket", "limit": 650, "per": "365d", "burst": 650}, 650),
    ("kept-quota", "message.history", {"algorithm": "quota", "limit": 700, "per": "year"}, 700),
    ("kept-window", "message.send", {"algorithm": "sliding_window", "limit": 750, "per": "365d"}, 750),
]
RENAMED = ("user.profile", {"algorithm": "token_bucket", "limit": 600, "per": "365d", "burst": 600}, 600)
PLACES = 5
EDITED_BURST, EDITED_RATES = 40, (5, 60)
COMMANDS = {"friend.list": 1101, "message.history": 1002, "message.send": 1001, "user.profile": 1201, "echo": 100}


class Mix:
    """Connections that ask one command after the other, and count what came of it."""

    def __init__(self, here):
        self.replies = Counter()  # (user, command, status)
        self.closed, self.problems, self.connected = [], [], 0
        self._here, self._stop, self._ready = here, threading.Event(), threading.Event()
        self._tokens = {user: here.token(user) for user in USERS}
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        assert self._ready.wait(30), "the connections did not open"

    async def _run(self):
        await asyncio.gather(*(
            self._one(user, ("json", "protobuf")[number % 2]) for user in USERS for number in range(CONNECTIONS)))

    async def _one(self, user, codec):
        try:
            async with connect(
                self._here.url, subprotocols=[SUBPROTOCOL[codec]], proxy=None, compression=None, ping_interval=None,
                open_timeout=30,
                additional_headers={"Authorization": f"Bearer {self._tokens[user]}"},
            ) as connection:
                await connection.recv()
                self.connected += 1
                if self.connected == len(USERS) * CONNECTIONS:
                    self._ready.set()
                await self._talk(connection, user, codec)
        except ConnectionClosed as closed:
            self.closed.append((user, closed.rcvd.code if closed.rcvd else None))
        except Exception as error:  # shown by the journey, which asserts that there are none
            self.problems.append(repr(error))

    async def _talk(self, connection, user, codec):
        sequence = itertools.count(1)
        while not self._stop.is_set():
            asked = {}
            for name, number in COMMANDS.items():
                seq = next(sequence)
                asked[seq] = name
                await connection.send(envelopes.encode(codec, number, {}, seq=seq))
            while asked:
                reply = envelopes.decode(await asyncio.wait_for(connection.recv(), 30))
                self.replies[user, asked.pop(reply.seq), reply.status] += 1
            await asyncio.sleep(0.01)

    def count(self, command, status, user=None):
        return sum(count for (who, what, found), count in self.replies.items()
                   if (what, found) == (command, status) and who in (user or who, None))

    def finish(self):
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), "replies are missing"


def rule(name, command, numbers, **more):
    return {"name": name, "match": {"action": [command]}, "key": ["user"], **numbers, **more}


class Editor:
    """Makes policies at random in which some limits are always the same."""

    def __init__(self, chance):
        self.chance, self.name, self.number = chance, "roving-0", 0

    def fixed(self):
        return [rule(name, command, numbers) for name, command, numbers, _ in FIXED] + [
            {"name": "places", "match": {"action": ["echo"]}, "key": [], "algorithm": "concurrency", "limit": PLACES}]

    def next(self):
        chance = self.chance
        self.number += 1
        limits = self.fixed()
        renamed = rule(self.name, RENAMED[0], RENAMED[1])
        if chance.random() < 0.3:
            before, self.name = self.name, f"roving-{self.number}"
            renamed.update(name=self.name, was=[before])
        limits.append(renamed)
        limits.append(rule("edited", "echo", {
            "algorithm": "token_bucket", "limit": chance.randint(*EDITED_RATES), "per": "1s", "burst": EDITED_BURST}))
        for number in range(chance.randint(0, 6)):
            limits.append(self.noise(number))
        chance.shuffle(limits)
        rules = [{"name": f"noise-{number}", "effect": chance.choice(["permit", "deny"]), "action": ["echo"],
                  "principal": {"roles": [f"role-{chance.randint(0, 3)}"]}}
                 for number in range(chance.randint(0, 4))]
        made = policy(*limits, rules=rules)
        made["metadata"]["version"] = str(self.number)
        return made

    def noise(self, number):
        """A limit that comes, goes and changes; it never refuses anything."""
        chance = self.chance
        numbers = chance.choice([
            {"algorithm": "token_bucket", "limit": chance.randint(10**6, 10**9), "per": "1s"},
            {"algorithm": "sliding_window", "limit": chance.randint(10**6, 10**9), "per": "1m"},
            {"algorithm": "quota", "limit": chance.randint(10**6, 10**9), "per": "day"},
            {"algorithm": "concurrency", "limit": chance.randint(10**4, 10**6)},
        ])
        return {"name": f"noise-limit-{number}", "match": {"action": [chance.choice(list(COMMANDS))]},
                "key": chance.sample(["user", "peer", "plan"], chance.randint(0, 2)), **numbers}


@pytest.fixture
def service():
    """Stops after the gateway, so that it sees everybody off."""
    made = RecordingService(0.004)
    yield made
    made.stop()


def edit(here, editor):
    """Edits at random, one after the other; returns how many of them were no policy."""
    broken = 0
    for turn in range(1, EDITS + 1):
        if editor.chance.random() < 0.05:
            made, broken = {"apiVersion": "sluice/v1", "kind": "Nonsense"}, broken + 1
        else:
            made = editor.next()
        here.write_policy(made)
        here.signal(signal.SIGHUP)
        until(lambda: here.json("/v1/policy")["reload"]["covered"] >= turn, 15, f"edit {turn}", every=0.002)
    return broken


def test_a_thousand_random_edits_under_load_break_no_limit_and_lose_no_connection(service, gateway):
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    editor = Editor(random.Random(seed))
    here = gateway(services={name: [service.port] for name in ("user", "message", "friend")}, rules=editor.next(),
        commands={name: {"timeout": "30s"} for name in COMMANDS})
    exact = [(command, most) for _, command, _, most in FIXED] + [(RENAMED[0], RENAMED[2])]
    began = time.monotonic()
    load = Mix(here)
    try:
        opened = here.metric("sluice_connections", transport="websocket")
        broken = edit(here, editor)
        # A limit that is not used up proves nothing.
        until(lambda: all(load.count(command, 429, user) > 20 for command, _ in exact for user in USERS), 60,
              "every limit is used up")
        still = here.metric("sluice_connections", transport="websocket")
        lost = here.metric("sluice_connections_closed_total", transport="websocket")
    finally:
        load.finish()
    lasted = time.monotonic() - began
    print(f"{EDITS} edits ({broken} broken) in {lasted:.1f} s, {sum(load.replies.values())} calls")
    assert not load.problems and not load.closed, (load.problems, load.closed)
    assert opened == still == len(USERS) * CONNECTIONS and lost == 0
    reloads = here.reloads()
    assert reloads.get("rejected", 0) == broken
    assert reloads["ok"] + reloads.get("unchanged", 0) == EDITS - broken
    for command, most in exact:
        for user in USERS:
            assert load.count(command, 0, user) == most, (command, user, load.count(command, 0, user))
    for user in USERS:
        # One burst, and the largest rate for the whole time.
        assert load.count("echo", 0, user) <= EDITED_BURST + EDITED_RATES[1] * lasted + 1, user
    assert load.count("echo", 0) > 50
    assert service.most_of[COMMANDS["echo"]] <= PLACES, service.most_of
    assert {status for _, _, status in load.replies} <= {0, 429}
