import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from harness.gateway import Gateway  # noqa: E402
from harness.journald import Journald, Unit  # noqa: E402
from harness.processes import SLUICE, Services  # noqa: E402
from harness.prometheus import Prometheus  # noqa: E402
from harness.waiting import free_port  # noqa: E402


def pytest_sessionstart(session):
    if not SLUICE.exists():
        pytest.exit(f"{SLUICE} is missing: run `make` first", returncode=2)


def pytest_collection_modifyitems(config, items):
    """What judges the whole run comes last, and is told whether it is one."""
    last = [item for item in items if item.path.name == "test_zz_catalogue.py"]
    items[:] = [item for item in items if item not in last] + last
    files = {path.name for path in Path(__file__).parent.glob("test_*.py")}
    # Whatever picks single journeys (-k, a path, --deselect) leaves less than all of them.
    picked = config.option.keyword or config.option.markexpr or config.option.deselect or config.option.lf
    named = any("::" in str(argument) for argument in config.args)
    config.is_whole_run = not picked and not named and {item.path.name for item in items} == files


@pytest.fixture(scope="session")
def journald(tmp_path_factory):
    """The journald most journeys share; each looks at its own gateway's entries alone."""
    real = Journald(tmp_path_factory.mktemp("shared"))
    yield real
    real.stop()


@pytest.fixture
def own_journald(tmp_path):
    """A journald for a journey that mistreats it."""
    real = Journald(tmp_path)
    yield real
    real.go_on()
    real.stop()


@pytest.fixture
def unit():
    """A systemd unit for a gateway; without groups where none can be made."""
    made = Unit(f"sluice-journey-{os.getpid()}.service")
    yield made
    made.remove()


@pytest.fixture
def started(tmp_path):
    """Starts processes and ends them with the journey."""
    running = []

    def add(process):
        running.append(process)
        return process

    yield add
    for process in reversed(running):
        process.kill()


@pytest.fixture
def services(tmp_path, started):
    return started(Services(tmp_path, free_port()))


@pytest.fixture
def gateway(tmp_path, services, journald, started):
    """make(rules=..., limits=..., ...): a gateway with the demo services behind it.

    After the journey: every map empty, no secret in journal, metrics or output, exit code 0.
    """
    made = []

    def make(**more):
        folder = tmp_path / f"gateway{len(made)}"
        folder.mkdir()
        more.setdefault("services", services.port)
        more.setdefault("journald", journald)
        wait = more.pop("wait_for_services", True)
        new = started(Gateway(folder, **more))
        made.append(new)
        return new.started(services=wait)

    yield make
    for one in made:
        one.finish()


@pytest.fixture
def prometheus(tmp_path, started):
    def make(gateway):
        folder = tmp_path / "prometheus"
        folder.mkdir()
        return started(Prometheus(folder, gateway.admin_port))
    return make


def run(command, **more):
    return subprocess.run(command, capture_output=True, text=True, **more)
