#!/bin/bash
# CPU per HTTP request beside every proxy the bench knows: A1 forwards, A2 does that with a token, a limit, a log
# and metrics (each as far as it can). Reports; there is no goal yet.
#
#   BENCH=path/to/bench Benchmarks/http.sh           # REPS, SECS and RESULTS as in run.sh; needs wrk besides
#
# A proxy that is not installed is left out, and the run says so.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
command -v wrk >/dev/null || { echo "http.sh: wrk is missing" >&2; exit 1; }
JOBS=${JOBS:-A1 A2} CONNECTIONS=200 \
    CONTENDERS=${CONTENDERS:-sluice-http nginx haproxy envoy traefik caddy} exec "$here/run.sh"
