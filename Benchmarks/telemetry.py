"""See telemetry.sh. Three gateways before the same services: bare, with a journal, and with a scraper."""
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Tests/Journeys"))

from harness.bulk import flood  # noqa: E402
from harness.gateway import Gateway, policy  # noqa: E402
from harness.journald import Journald  # noqa: E402
from harness.processes import Services  # noqa: E402
from harness.waiting import free_port  # noqa: E402

ROUNDS = int(os.environ.get("ROUNDS", "7"))
MESSAGES = int(os.environ.get("MESSAGES", "480000"))
BLOCK = int(os.environ.get("BLOCK", "8"))
CONNECTIONS = 4
GOALS = {"journal": 1.10, "metrics": 1.03}


def cpu_seconds(gateway):
    """CPU time of all threads; /proc/PID/stat would count in hundredths of a second."""
    tasks = Path(f"/proc/{gateway.pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


class Scraper:
    """Takes the page once a second, as Prometheus does at most."""

    def __init__(self, gateway):
        self.gateway, self.is_over = gateway, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.is_over.wait(1.0):
            self.gateway.get("/metrics", "application/openmetrics-text;version=1.0.0")

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()


def measure(gateway):
    """(CPU microseconds per message, messages per second)"""
    before, began = cpu_seconds(gateway), time.monotonic()
    flood(gateway, MESSAGES, connections=CONNECTIONS, block=BLOCK)
    spent, took = cpu_seconds(gateway) - before, time.monotonic() - began
    for client in gateway.clients:
        client.close()
    gateway.clients.clear()
    return spent / MESSAGES * 1e6, MESSAGES / took


def main():
    running = []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        try:
            journald = Journald(folder, SystemMaxUse="2G")
            running.append(journald)
            services = Services(folder, free_port())
            running.append(services)
            gateways = {}
            for name, journal in (("bare", "off"), ("journal", "journald"), ("metrics", "off")):
                (folder / name).mkdir()
                gateways[name] = Gateway(
                    folder / name, services=services.port, journald=journald, journal=journal, loops=1,
                    rules=policy(logging={"budget_per_second": 2_000, "reserve_per_second": 500}))
                running.append(gateways[name])
                gateways[name].started()
            cost = {name: [] for name in gateways}
            rate = {name: [] for name in gateways}
            # In turns, so that whatever else the machine does falls on all of them; the first is to warm up.
            names = list(gateways)
            for number in range(ROUNDS + 1):
                # Who is first changes, and nobody pays for what journald has still to store.
                names.append(names.pop(0))
                for name in names:
                    gateway = gateways[name]
                    journald.sync()
                    if name == "metrics":
                        with Scraper(gateway):
                            figures = measure(gateway)
                    else:
                        figures = measure(gateway)
                    if number > 0:
                        cost[name].append(figures[0])
                        rate[name].append(figures[1])
            sent = gateways["journal"].metric("sluice_log_entries_total", result="sent")
        finally:
            for process in reversed(running):
                process.kill()
    ratios = {
        name: statistics.median(one / bare for one, bare in zip(cost[name], cost["bare"])) for name in GOALS}
    print(json.dumps({
        "cpu_us_per_message": {name: round(statistics.median(values), 3) for name, values in cost.items()},
        "messages_per_second": {name: round(statistics.median(values)) for name, values in rate.items()},
        "journal_entries": round(sent),
        "ratio": {name: round(ratio, 3) for name, ratio in ratios.items()}, "goal": GOALS}, indent=2))
    missed = [name for name, goal in GOALS.items() if ratios[name] > goal]
    if missed:
        sys.exit(f"telemetry.sh: more than the goal: {', '.join(missed)}")


if __name__ == "__main__":
    main()
