#!/bin/bash
# What journal and metrics cost: CPU of the gateway per message with and without, in turns in the same run.
#
#   Benchmarks/telemetry.sh                # prints three figures and their ratios as one JSON object
#   ROUNDS=7 MESSAGES=480000 BLOCK=8       # per round and gateway; requests in flight on each connection
#
# Goals: logging 2,000 entries a second costs at most 10 % more, scraping once a second at most 3 %. Exits 1 where a
# goal is missed. Needs root for a journald of its own, `make` and `make install-test` before.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
[ "$(id -u)" = 0 ] || { echo "telemetry.sh: a journald of one's own needs root" >&2; exit 1; }
[ -x "$root/.build/release/sluice" ] || { echo "telemetry.sh: build the gateway first: make" >&2; exit 1; }
[ -x "$root/.venv/bin/python" ] || { echo "telemetry.sh: install the tests' environment first: make install-test" >&2; exit 1; }
exec "$root/.venv/bin/python" "$here/telemetry.py" "$@"
