"""Processes that a journey starts: what they print is kept, and they end with it."""
import itertools
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from .waiting import until

ROOT = Path(__file__).resolve().parents[3]
_numbers = itertools.count(1)
SLUICE = Path(os.environ.get("SLUICE_TEST_BINARY", ROOT / ".build/release/sluice"))


def environment(more=None):
    """Ours without the gateway's variables (they override its configuration), and `more`."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SLUICE_")}
    return {**kept, "SWIFT_BACKTRACE": "enable=no", **(more or {})}


class Ended(RuntimeError):
    """A process is gone that should be there. No AssertionError: waiting longer does not help."""


class Process:
    def __init__(self, name, command, folder: Path, env=None, cwd=None):
        self.name = name
        self.output_path = folder / f"{name}.out"
        self.error_path = folder / f"{name}.err"
        with open(self.output_path, "ab") as out, open(self.error_path, "ab") as err:
            self.process = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                env=environment(env), cwd=cwd or folder)

    @property
    def pid(self):
        return self.process.pid

    @property
    def is_running(self):
        return self.process.poll() is None

    def output(self):
        return self.output_path.read_text(errors="replace")

    def errors(self):
        return self.error_path.read_text(errors="replace")

    def signal(self, number):
        os.kill(self.pid, number)

    def check_running(self):
        if not self.is_running:
            raise Ended(f"{self.name} ended with {self.process.returncode}: {self.errors()[-2000:]}")

    def wait(self, seconds=15.0):
        """Waits for the end; returns the exit code (negative: the signal that ended it)."""
        return self.process.wait(seconds)

    def stop(self, seconds=10.0):
        if self.is_running:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode

    def kill(self):
        if self.is_running:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()

    def memory_bytes(self):
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError(f"{self.name} has no memory: it ended")


def sluice(*arguments, seconds=30.0, cwd=None, env=None):
    """Runs a command of ours to its end."""
    return subprocess.run(
        [str(SLUICE), *map(str, arguments)], capture_output=True, text=True, timeout=seconds, cwd=cwd,
        env=environment(env))


class Services(Process):
    """The demo services alone: `sluice services`."""

    def __init__(self, folder, port, name="services"):
        super().__init__(name, [SLUICE, "services", "--listen", f"127.0.0.1:{port}"], folder)
        self.port = port
        from .waiting import listens
        until(lambda: (self.check_running() or True) and listens(port), 15, "the demo services listen")


class PythonService(Process):
    """A program of Examples/python_service, listening."""

    def __init__(self, program, folder, *arguments, port=0):
        path = ROOT / "Examples/python_service" / program
        name = f"{program.removesuffix('.py')}-{next(_numbers)}"
        super().__init__(name, [sys.executable, path, "--listen", f"127.0.0.1:{port}", *arguments], folder)
        self.port = until(self._listening, 15, f"{program} listens")

    def _listening(self):
        self.check_running()
        found = re.search(r"listening on 127\.0\.0\.1:(\d+)", self.output())
        return found and int(found.group(1))
