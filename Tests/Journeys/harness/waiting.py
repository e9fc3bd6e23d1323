"""Waiting for conditions. A journey never sleeps for a time: it waits until, with a deadline."""
import socket
import time


class Deadline(AssertionError):
    """The condition did not come true in time."""


def until(condition, seconds=10.0, what=None, every=0.02):
    """Calls `condition` until it returns something true, and returns that.

    An AssertionError or OSError counts as not yet; the last one is shown when time runs out.
    """
    end = time.monotonic() + seconds
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = value
        except (AssertionError, OSError) as error:
            last = error
        if time.monotonic() > end:
            name = what or getattr(condition, "__name__", "condition")
            raise Deadline(f"not within {seconds} s: {name}; last: {last!r}")
        time.sleep(every)


_given = set()


def free_port():
    """A port nobody listens on now, and that nobody was told before. Bound without SO_REUSEADDR, so that it is free
    for everybody."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port


def listens(port):
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
