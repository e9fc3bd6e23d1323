#!/usr/bin/env python3
"""What a request costs the gateway by kind of link: CPU per request, the Python services of Examples behind it, and for
HTTP also nginx, which always says the same and never keeps the gateway waiting.

    .venv/bin/python Benchmarks/links.py [rounds [kind ...]]

50 WebSocket connections, one event loop, 128 bytes echoed; once at 1,000 requests a second, once as fast as
the service goes (8 in flight on each connection). Kinds take turns; the table has medians.
"""
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Tests/Journeys"))
from harness.gateway import Gateway, limit, policy  # noqa: E402
from harness.h2_backend import NginxService  # noqa: E402
from harness.load import Load  # noqa: E402
from harness.processes import PythonService  # noqa: E402

PROGRAMS = {"native": "native_service.py", "http": "http_service.py", "grpc": "grpc_service.py"}
NGINX = {"http/1.1, nginx": "", "http/2, nginx": "http2"}
PAYLOAD = b"x" * 128
JOBS = {"1,000 a second": {"depth": 1, "pace": 0.05}, "full speed": {"depth": 8}}
SECONDS, TICK_MICROSECONDS = 5, 10_000


def cpu(pid):
    """(user, all) in clock ticks, of a process and its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    children = [cpu(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    user, system = int(fields[11]), int(fields[12])
    return user + sum(one for one, _ in children), user + system + sum(one for _, one in children)


def measure(kind, job, folder):
    keys = {"link": kind}
    if kind in NGINX:
        service = NginxService(folder / "nginx", protocol=NGINX[kind], says=PAYLOAD.decode())
        keys = {"link": "http", "http2": bool(NGINX[kind])}
    else:
        service = PythonService(PROGRAMS[kind], folder)
    listed = [{"name": name, **keys, "instances": [f"127.0.0.1:{service.port}"]}
              for name in ("user", "message", "friend")]
    # Few entries in the journal: their share would differ with the rate.
    rules = policy(limit("per-user", 10_000_000, "1s"), logging={"budget_per_second": 10, "reserve_per_second": 10})
    gateway = Gateway(folder, services=service.port, config={"services": listed}, loops=1, rules=rules,
                      commands={"echo": {"ordered": False}}).started()
    load = Load(gateway, [f"user{n}" for n in range(50)], payload=PAYLOAD, **JOBS[job])
    time.sleep(1)
    count, before, service_before = load.outcome.answered, cpu(gateway.pid), cpu(service.pid)
    time.sleep(SECONDS)
    count, after, service_after = load.outcome.answered - count, cpu(gateway.pid), cpu(service.pid)
    outcome = load.finish()
    gateway.kill()
    service.kill()
    assert set(outcome.replies) == {0}, outcome.replies
    per = TICK_MICROSECONDS / count
    return (after[1] - before[1]) * per, (after[0] - before[0]) * per, (service_after[1] - service_before[1]) * per, \
        count / SECONDS


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    kinds = sys.argv[2:] or [*PROGRAMS, *NGINX]
    found = {}
    with tempfile.TemporaryDirectory() as base:
        for number in range(rounds):
            for kind in kinds:
                for job in JOBS:
                    folder = Path(base) / f"{number}-{kind}-{job}".replace(" ", "-").replace("/", "-")
                    folder.mkdir()
                    found.setdefault((kind, job), []).append(measure(kind, job, folder))
                    print(f"round {number + 1}: {kind}, {job}", file=sys.stderr)
    print("link             job              gateway us  of it user  service us  requests/s")
    for (kind, job), rows in found.items():
        total, user, service, rate = (statistics.median(row[n] for row in rows) for n in range(4))
        print(f"{kind:16} {job:15} {total:11.1f} {user:11.1f} {service:11.1f} {rate:11,.0f}")


if __name__ == "__main__":
    main()
