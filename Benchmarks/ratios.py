#!/usr/bin/env python3
"""Reads the results of run.sh: CPU per message beside nginx, and memory per idle connection.

Exits 1 when a goal is missed. Goals: CPU per message at most 0.9 of nginx's bare tunnel at depth 1 and
1.5 at depth 8; over TCP no more than over WebSocket; at most 6 KB of gateway memory per idle
authenticated connection.
"""
import json
import statistics
import sys
from pathlib import Path

GOALS = {"B1": 0.9, "B8": 1.5}
TCP_GOAL = 1.0
HTTP_JOBS = ("A1", "A2")
IDLE_GOAL_BYTES = 6 * 1024


def read(path):
    """Runs by contender and round. HTTP jobs know several variants of one contender."""
    runs = {}
    for line in path.read_text().splitlines():
        run = json.loads(line)
        name = run["contender"] if path.stem in HTTP_JOBS else run["contender"].split("/")[0]
        runs.setdefault(name, {})[run["rep"]] = run
    return runs


def cost(run):
    """Microseconds of CPU per message; None where the run failed."""
    if run.get("failed") or not run.get("count") or run.get("errors", 0) > run["count"] / 1000:
        return None
    return run["cpu_s"] / run["count"] * 1e6


def pairs_of(runs, ours, theirs):
    """Costs of both in each round where both ran well."""
    both = [(cost(run), cost(runs[theirs][rep])) for rep, run in runs.get(ours, {}).items() if rep in runs.get(theirs, {})]
    return [pair for pair in both if all(pair)]


def relay(name, connections, runs, ours, theirs, goal):
    pairs = pairs_of(runs, ours, theirs)
    if not pairs:
        first = next(iter(runs.get(ours, {}).values()), {})
        print(f"{name} {connections} connections: no pair of good runs; {first.get('failed') or first.get('first_error')}")
        return False
    mine, other = (statistics.median(side) for side in zip(*pairs))
    ratio = statistics.median(a / b for a, b in pairs)
    good = [run for run in runs[ours].values() if cost(run)]
    user = statistics.median(run["user_s"] / run["count"] * 1e6 for run in good)
    journald = statistics.median(run.get("journald_s", 0) / run["count"] * 1e6 for run in good)
    fine = ratio <= goal
    print(
        f"{name} {connections:>5} connections: {ours} {mine:6.2f} us ({user:.2f} user; journald {journald:.2f} more), "
        f"{theirs} {other:6.2f} us, ratio {ratio:.2f} ({min(a / b for a, b in pairs):.2f} to {max(a / b for a, b in pairs):.2f}, "
        f"{len(pairs)} runs), goal {goal}: {'reached' if fine else 'MISSED'}")
    return fine


def http(name, runs):
    """A table of all, cheapest first. Reported only."""
    rows, ours = [], next((one for one in runs if one.startswith("sluice-http")), None)
    for contender, rounds in runs.items():
        good = [run for run in rounds.values() if cost(run)]
        if not good:
            first = next(iter(rounds.values()))
            rows.append((float("inf"), f"{contender:20} no good run: {(first.get('failed') or first.get('first_error') or 'errors')[:100]}"))
            continue
        mine = statistics.median(cost(run) for run in good)
        user = statistics.median(run["user_s"] / run["count"] * 1e6 for run in good)
        rate = statistics.median(run["per_s"] for run in good)
        p99 = statistics.median(run["p99_us"] for run in good) / 1000
        pairs = pairs_of(runs, ours, contender) if ours else []
        ratio = f"sluice takes {statistics.median(a / b for a, b in pairs):.2f} of it" if pairs and contender != ours else ""
        rows.append((mine, f"{contender:20} {mine:7.2f} us ({user:.2f} user) {rate:8.0f}/s p99 {p99:5.1f} ms  {ratio}"))
    for _, row in sorted(rows):
        print(f"{name} {row}")
    return ours is not None and any(cost(run) for run in runs[ours].values())


def idle(runs):
    good = [run for run in runs.get("sluice", {}).values() if run.get("connected") and not run.get("dead")]
    if not good:
        print(f"C: no good run; {next(iter(runs.get('sluice', {}).values()), {}).get('failed')}")
        return False
    bytes_each = statistics.median(run["pss_per_conn"] for run in good)
    nginx = [run["pss_per_conn"] for run in runs.get("nginx", {}).values() if run.get("connected")]
    beside = f", nginx {statistics.median(nginx):.0f}" if nginx else ""
    share = statistics.median(run.get("idle_cpu_share", 0) for run in good)
    # 0 means that /proc would not tell, not that connections are free.
    fine = 0 < bytes_each <= IDLE_GOAL_BYTES
    print(
        f"C {good[0]['connected']} idle connections: sluice {bytes_each:.0f} bytes each{beside}, idle CPU {share:.3f} of a core, "
        f"goal {IDLE_GOAL_BYTES}: {'reached' if fine else 'MISSED'}")
    return fine


def main():
    fine = True
    for folder in sorted(Path(sys.argv[1]).iterdir(), key=lambda path: int(path.name)):
        for path in sorted(folder.glob("*.jsonl")):
            runs = read(path)
            if path.stem == "C":
                fine &= idle(runs)
                continue
            if path.stem in HTTP_JOBS:
                fine &= http(path.stem, runs)
                continue
            fine &= relay(path.stem, int(folder.name), runs, "sluice", "nginx", GOALS[path.stem])
            if "sluice-tcp" in runs:
                fine &= relay(path.stem, int(folder.name), runs, "sluice-tcp", "sluice", TCP_GOAL)
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
