"""Load from many connections at once, on asyncio, so that one journey can count every reply."""
import asyncio
import threading
import time
from dataclasses import dataclass, field

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from . import envelopes
from .clients import SUBPROTOCOL


@dataclass
class Outcome:
    sent: int = 0
    replies: dict = field(default_factory=dict)  # status -> how many
    closed: list = field(default_factory=list)  # close codes seen before the end
    latencies: list = field(default_factory=list)  # (when the reply came, seconds it took)
    problems: list = field(default_factory=list)

    @property
    def answered(self):
        return sum(self.replies.values())

    def percentile(self, share, since=0.0, before=float("inf")):
        values = sorted(took for when, took in self.latencies if since <= when < before)
        assert values, "no replies in that time"
        return values[min(len(values) - 1, int(len(values) * share))]


class Load:
    """`depth` requests in flight on each connection, until stopped; then waits for the last replies."""

    def __init__(self, gateway, users, *, codec="protobuf", depth=1, payload=b"x" * 64, pace=0.0,
                 patience=20.0, url=None, ssl=None):
        self.outcome = Outcome()
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._connected = 0
        self._users, self._codec, self._depth, self._pace, self._patience = users, codec, depth, pace, patience
        self._payload = payload
        self._url, self._ssl = url or gateway.url, ssl
        self._tokens = [gateway.token(user) for user in users]
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        assert self._ready.wait(30), "the load's connections did not open"

    async def _run(self):
        await asyncio.gather(*(self._one(token) for token in self._tokens))

    async def _one(self, token):
        try:
            async with connect(
                self._url, subprotocols=[SUBPROTOCOL[self._codec]], proxy=None, compression=None,
                ping_interval=None, open_timeout=30, max_size=None, ssl=self._ssl, additional_headers={"Authorization": f"Bearer {token}"},
            ) as connection:
                await connection.recv()  # the auth reply
                self._connected += 1
                if self._connected == len(self._users):
                    self._ready.set()
                await self._talk(connection)
        except ConnectionClosed as closed:
            self.outcome.closed.append(closed.rcvd.code if closed.rcvd else None)
        except Exception as error:  # shown by the journey, which asserts that there are none
            self.outcome.problems.append(repr(error))

    async def _talk(self, connection):
        flying, sequence = {}, 0

        async def send():
            nonlocal sequence
            sequence += 1
            flying[sequence] = time.monotonic()
            self.outcome.sent += 1
            await connection.send(
                envelopes.encode(self._codec, envelopes.ECHO, seq=sequence, payload=self._payload))

        for _ in range(self._depth):
            await send()
        while flying:
            frame = await asyncio.wait_for(connection.recv(), self._patience)
            message = envelopes.decode(frame)
            if message.is_push or message.cmd != envelopes.ECHO:
                continue
            began = flying.pop(message.seq, None)
            if began is None:
                self.outcome.problems.append(f"a reply nobody asked for: seq {message.seq}")
                continue
            now = time.monotonic()
            self.outcome.latencies.append((now, now - began))
            self.outcome.replies[message.status] = self.outcome.replies.get(message.status, 0) + 1
            if message.status == 0 and message.data != self._payload:
                self.outcome.problems.append("the echo differs")
            if self._pace:
                await asyncio.sleep(self._pace)
            if not self._stop.is_set():
                await send()

    def finish(self):
        """No new requests; returns the outcome once every request has its reply."""
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), "replies are missing: the load did not end"
        return self.outcome
