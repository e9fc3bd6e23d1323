"""What clients do all day: all doors, all commands, some of it wrong, at an even pace until told to stop."""
import contextlib
import itertools
import subprocess
import threading
from http.client import HTTPException

from websockets.exceptions import WebSocketException

from . import envelopes
from .clients import Closed
from .doors import DOORS

# What curl says of a gateway that is gone is its exit code.
GONE = (Closed, WebSocketException, OSError, AssertionError, EOFError, subprocess.CalledProcessError)


class Beside:
    """Runs one step after the other in a thread until stopped. `pace` seconds pass between two steps."""

    def __init__(self, step, pace):
        self._step, self._pace = step, pace
        self._stop = threading.Event()
        self.problem = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            while not self._stop.wait(self._pace):
                self._step()
        except Exception as problem:  # shown by whoever stops it
            self.problem = problem

    def stop(self):
        self._stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive(), "a step of the traffic does not end"
        if self.problem:
            raise self.problem


class Traffic:
    """One client on every door of a gateway."""

    COMMANDS = (
        (envelopes.ECHO, "hi"), (envelopes.SEND, {"to": "bob", "text": "hello"}), (envelopes.ECHO, "there"),
        (envelopes.HISTORY, {"with": "bob"}), (envelopes.FRIENDS, {}), (envelopes.PROFILE, {}), (31_001, {}),
    )

    def __init__(self, gateway, number):
        self.gateway = gateway
        self.doors, self.round = [], itertools.cycle(self.COMMANDS)
        for place, (kind, codec) in enumerate(DOORS.values()):
            door = kind(gateway, codec, f"127.0.{number}.{place + 1}")
            door.enter(("alice", "bob", "carol")[place % 3])
            self.doors.append(door)
        self.turns = itertools.cycle(self.doors)
        self.forgiven = (TimeoutError,)  # a stopped gateway answers the next one
        self.work = Beside(self.step, 0.01)

    def step(self):
        door = next(self.turns)
        cmd, data = next(self.round)
        try:
            door.request(cmd, data)
        except Exception as problem:  # what is forgiven may have changed while the request was under way
            if not isinstance(problem, self.forgiven):
                raise

    def expect_the_end(self):
        """The gateway drains: that it closes is right from now on."""
        self.forgiven = (*self.forgiven, *GONE, HTTPException)

    def stop(self):
        try:
            self.work.stop()
        finally:
            for door in self.doors:
                with contextlib.suppress(*GONE):
                    door.close()


class Newcomers:
    """Clients that come, prove who they are in every way there is, or fail to, and leave."""

    def __init__(self, gateway, bad_tokens):
        self.gateway = gateway
        self.ways = itertools.cycle([
            lambda: self.visit(channel="header", claims={"plan": "guest"}), lambda: self.visit(channel="subprotocol"),
            lambda: self.visit(channel="query"), lambda: self.visit(channel="frame"),
            lambda: gateway.log_in("alice", "wonderland"), *[lambda token=token: self.knock(token) for token in bad_tokens]])
        self.work = Beside(self.step, 0.1)

    def step(self):
        with contextlib.suppress(*GONE):
            next(self.ways)()

    def visit(self, **how):
        client = self.gateway.connect("dora", **how)
        client.request(envelopes.SEND, {"to": "emil", "text": "hello"})
        client.close()

    def knock(self, token):
        client = self.gateway.stranger()
        client.request(envelopes.AUTH, {"token": token}, timeout=2)
        client.close()

    def stop(self):
        self.work.stop()
