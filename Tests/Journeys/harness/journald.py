"""A journald of one's own: in a mount namespace, so that no other journald of the machine is touched."""
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

from .processes import Process
from .waiting import until

SCRIPT = """
set -e
mount --make-rprivate /
mkdir -p /run/systemd/journal /var/log/journal /run/log/journal /etc/systemd
mount -t tmpfs none /run/systemd/journal
mount -t tmpfs none /run/log/journal
mount --bind "$1/journal" /var/log/journal
if [ -e /etc/systemd/journald.conf ]; then mount --bind "$1/journald.conf" /etc/systemd/journald.conf; fi
"$2" &
journald=$!
trap 'kill -CONT $journald; kill $journald; wait $journald; exit 0' TERM
echo "$journald" > "$1/journald.pid"
wait $journald
"""
CONFIG = {"Storage": "persistent", "RateLimitIntervalSec": "0", "SystemMaxUse": "256M", "ForwardToConsole": "no"}


def journald_binary():
    for path in ("/lib/systemd/systemd-journald", "/usr/lib/systemd/systemd-journald"):
        if Path(path).exists():
            return path
    raise AssertionError("systemd-journald is missing: run .ci/install test")


class Unit:
    """A control group with the name of a unit, which is all that journald knows of units."""
    ROOTS = [Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup/systemd"), Path("/sys/fs/cgroup")]

    def __init__(self, name):
        self.name = name
        self.groups = [
            root / "system.slice" / name for root in self.ROOTS if os.access(root / "cgroup.procs", os.W_OK)]
        for group in self.groups:
            group.mkdir(parents=True)

    def remove(self):
        """The last process of it must be gone."""
        for group in self.groups:
            until(lambda: group.rmdir() is None, 10, "the control group is empty")


class Journald:
    def __init__(self, folder: Path, **settings):
        """settings: keys of `[Journal]` that replace ours."""
        self.folder = folder / "journald"
        (self.folder / "journal").mkdir(parents=True)
        (self.folder / "journald.conf").write_text(
            "[Journal]\n" + "".join(f"{key}={value}\n" for key, value in {**CONFIG, **settings}.items()))
        assert shutil.which("unshare") and shutil.which("nsenter")
        self.holder = Process(
            "journald", ["unshare", "-m", "bash", "-c", SCRIPT, "bash", self.folder, journald_binary()],
            self.folder)
        until(self._ready, 20, "journald is ready")

    def _ready(self):
        self.holder.check_running()
        pid = self.folder / "journald.pid"
        if not pid.exists() or not pid.read_text().strip():
            return False
        self.pid = int(pid.read_text())
        return subprocess.run(
            self.inside("test", "-S", "/run/systemd/journal/socket"), capture_output=True).returncode == 0

    def inside(self, *command):
        """The command as it must be started to see this journald."""
        return ["nsenter", "-t", str(self.holder.pid), "-m", f"--wd={self.folder}", "--", *map(str, command)]

    def inside_unit(self, unit, *command):
        """The same, as a process of a unit: journald goes by the control group."""
        join = 'for group in $1; do echo $$ > "$group/cgroup.procs"; done; shift; exec "$@"'
        return self.inside("sh", "-c", join, "sh", " ".join(map(str, unit.groups)), *command)

    def pause(self):
        """journald stands still: its socket fills and whoever writes to it waits."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self):
        os.kill(self.pid, signal.SIGCONT)

    def sync(self):
        """Returns when everything sent so far is stored. journalctl gives up after a while; we ask again."""
        until(
            lambda: subprocess.run(
                self.inside("journalctl", "--sync"), capture_output=True, timeout=60).returncode == 0,
            120, "journald has stored everything")

    def entries(self, *matches):
        """Entries as `journalctl` finds them, oldest first, as dictionaries."""
        self.sync()
        found = subprocess.run(
            self.inside("journalctl", "-o", "json", "--no-pager", "-q", *matches),
            check=True, capture_output=True, timeout=60)
        return [json.loads(line) for line in found.stdout.splitlines()]

    def export(self, *matches):
        """All there is, raw: for looking for what must not be there."""
        self.sync()
        return subprocess.run(
            self.inside("journalctl", "-o", "export", "--no-pager", "-q", *matches),
            check=True, capture_output=True, timeout=60).stdout

    def stop(self):
        self.holder.stop()

    kill = stop
