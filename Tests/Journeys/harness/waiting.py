"""Waiting for conditions. A journey never sleeps for a time: it waits until, with a deadline."""
import random
import socket
import time
from pathlib import Path


class Deadline(AssertionError):
    """The condition did not come true in time."""


def until(condition, seconds=10.0, what=None, every=0.02):
    """Calls `condition` until it returns something true, and returns that.

    An AssertionError or OSError counts as not yet; the last one is shown when time runs out.
    """
    end = time.monotonic() + seconds
    last = None
    while True:
        is_last = time.monotonic() > end  # the last look begins after the deadline, however long others took
        try:
            value = condition()
            if value:
                return value
            last = value
        except (AssertionError, OSError) as error:
            last = error
        if is_last:
            name = what or getattr(condition, "__name__", "condition")
            raise Deadline(f"not within {seconds} s: {name}; last: {last!r}")
        time.sleep(every)


_given = set()
_EPHEMERAL = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])


def free_port():
    """A port nobody listens on now, and that nobody was told before. Bound without SO_REUSEADDR, so that it is free
    for everybody. Below those that the kernel gives to outgoing connections, where there are enough of them."""
    while True:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", random.randrange(10_000, _EPHEMERAL) if _EPHEMERAL > 20_000 else 0))
            except OSError:
                continue
            port = probe.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port


def listens(port):
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
