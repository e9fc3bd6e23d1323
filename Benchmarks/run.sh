#!/bin/bash
# CPU per message and memory per idle connection, beside nginx's bare tunnel in the same run.
#
#   BENCH=path/to/bench Benchmarks/run.sh            # folder with bench.py, conf/, contenders/, src/
#   REPS=7 SECS=2.5 CONNECTIONS="200 1000" IDLE=9800 RESULTS=folder
#   JOBS="B1 B8 C"                                   # what to run
#   CONTENDERS="nginx sluice sluice-tcp"             # against whom; files of contender/ and of the bench
#
# B1 and B8 run over WebSocket and over TCP (tcpload.c) in the same rounds.
#
# Runs on a copy, in a mount namespace with a journald of its own on CPU 0. Proxy, client and backend
# share CPU 1 (the bench's README says why); run it when nothing else is running. Needs root, nginx, gcc.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
: "${BENCH:?names the folder of the side-by-side bench (with bench.py in it)}"
[ -e "$BENCH/bench.py" ] || { echo "run.sh: no bench.py in $BENCH" >&2; exit 1; }
sluice=$(readlink -f "${SLUICE_BENCH_BINARY:-$root/.build/release/sluice}")
[ -x "$sluice" ] || { echo "run.sh: build the gateway first: make" >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "run.sh: a mount namespace needs root" >&2; exit 1; }
for tool in nginx gcc python3 unshare taskset; do
    command -v "$tool" >/dev/null || PATH=$PATH:/usr/sbin command -v "$tool" >/dev/null \
        || { echo "run.sh: $tool is missing" >&2; exit 1; }
done

reps=${REPS:-5} secs=${SECS:-2.5} connections=${CONNECTIONS:-200 1000} idle=${IDLE:-9800} jobs=${JOBS:-B1 B8 C}
contenders=${CONTENDERS:-nginx sluice sluice/full sluice-tcp}
work=$(mktemp -d)
results=${RESULTS:-$work/results}
mkdir -p "$results" "$work/bin" "$work/journal"
results=$(cd "$results" && pwd)
trap 'rm -rf "$work"' EXIT
ln -s "$sluice" "$work/bin/sluice"
gcc -O2 -Wall -Wextra -o "$work/bin/tcpload" "$here/tcpload.c"

make_copy() { # connections
    local copy="$work/bench-$1"
    mkdir -p "$copy"
    cp -r "$BENCH/bench.py" "$BENCH/conf" "$BENCH/src" "$copy/"
    mkdir "$copy/contenders"
    local name
    for name in $contenders; do
        if [ -e "$here/contender/${name%%/*}.json" ]; then cp "$here/contender/${name%%/*}.json" "$copy/contenders/"
        else cp "$BENCH/contenders/${name%%/*}.json" "$copy/contenders/"
        fi
    done
    cp "$here"/contender/conf/* "$copy/conf/"
    "$here/contender/envelope.py" "$copy/conf/sluice-echo.bin"
    # A contender may name another load program than the bench's own.
    sed -i -e "s/\"-c\", \"200\"/\"-c\", \"$1\"/" \
        -e 's/Proc(\[GWLOAD\] + args/Proc([os.path.join(BIN, rig.d["base"].get("tool", "gwload"))] + args/' "$copy/bench.py"
    grep -q '"tool", "gwload"' "$copy/bench.py" || { echo "run.sh: this bench.py has no place for tcpload" >&2; exit 1; }
}
for count in $connections; do make_copy "$count"; done

cat >"$work/inside.sh" <<'INSIDE'
set -euo pipefail
work=$1 results=$2 reps=$3 secs=$4 connections=$5 idle=$6 jobs=$7 contenders=$8
mount --make-rprivate /
mkdir -p /run/systemd/journal /var/log/journal /run/log/journal
mount -t tmpfs none /run/systemd/journal
mount -t tmpfs none /run/log/journal
mount --bind "$work/journal" /var/log/journal
binary=/lib/systemd/systemd-journald
[ -x "$binary" ] || binary=/usr/lib/systemd/systemd-journald
taskset -c 0 "$binary" &
journald=$!
trap 'kill $journald; wait $journald || true' EXIT
until [ -S /run/systemd/journal/socket ]; do sleep 0.1; done
export TMPDIR=$work PATH=$work/bin:$PATH
echo "$journald" >"$work/journald.pid"
first=1
for count in $connections; do
    cd "$work/bench-$count"
    if [ $first = 1 ]; then python3 bench.py setup; cp "$work/bin/tcpload" "$work/bench-cache/bin/"; fi
    for job in $jobs; do
        if [ "$job" = C ] && [ $first = 0 ]; then continue; fi
        python3 bench.py run "$job" --only $contenders --reps "$reps" --secs "$secs" \
            --idle "$idle" --results "$results/$count"
    done
    first=0
done
INSIDE

unshare -m bash "$work/inside.sh" "$work" "$results" "$reps" "$secs" "$connections" "$idle" "$jobs" "$contenders"
python3 "$here/ratios.py" "$results"
