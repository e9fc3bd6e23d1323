#!/usr/bin/env bash
# How long `sluice policy replay` takes, beside `journalctl -o export >/dev/null` over the same entries.
#
#   Benchmarks/replay.sh [entries] [folder] [policies]      default: 300000 entries, a folder that goes away, policies
#
# Needs systemd-journal-remote (it writes journal files from an export) and a release build of sluice; SLUICE_TEST_BINARY names
# another binary. Prints both times, in turns, and the ratio of the fastest.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."
entries=${1:-300000}
folder=${2:-$(mktemp -d)}
policies=${3:-policies}
tool=${SLUICE_TEST_BINARY:-.build/release/sluice}
remote=$(command -v systemd-journal-remote || echo /lib/systemd/systemd-journal-remote)
[ -x "$remote" ] || { echo "systemd-journal-remote is missing: apt-get install systemd-journal-remote" >&2; exit 1; }
[ -n "${2:-}" ] || trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/journal"
if ! ls "$folder"/journal/*.journal >/dev/null 2>&1; then
    python3 - "$entries" > "$folder/entries.export" <<'PYTHON'
import random
import sys

random.seed(1)
start = 1_760_000_000_000_000
head = {"_BOOT_ID": "0" * 31 + "1", "_PID": "7", "_MACHINE_ID": "0" * 31 + "2", "_HOSTNAME": "gateway", "_UID": "991", "_GID": "991",
        "_COMM": "sluice", "_EXE": "/usr/bin/sluice", "_CMDLINE": "sluice run", "_SYSTEMD_UNIT": "sluice.service",
        "_TRANSPORT": "journal", "SYSLOG_IDENTIFIER": "sluice"}
for number in range(int(sys.argv[1])):
    time = start + number * 500
    caller = random.randrange(20_000)
    user = f"user-{caller}"
    connection = f"{caller + 1:016x}"
    fields = {
        "__REALTIME_TIMESTAMP": time + 900, "__MONOTONIC_TIMESTAMP": time + 900 - start + 10**9, **head, "PRIORITY": 6,
        "MESSAGE": f"message.send ok by rule members-may-send, {user} over websocket, 842 us", "SLUICE_EVENT": "request",
        "SLUICE_TIME_US": time, "SLUICE_CONNECTION_ID": connection, "SLUICE_REQUEST_ID": f"{connection}-{number}",
        "SLUICE_TRANSPORT": "websocket", "SLUICE_CLIENT": f"10.0.{caller // 250}.{caller % 250}", "SLUICE_USER": user,
        "SLUICE_CLAIMS": '{"plan":"free","roles":["member"]}', "SLUICE_OUTCOME": "ok", "SLUICE_WEIGHT": 1,
        "SLUICE_ACTION": "message.send", "SLUICE_COMMAND": 1001, "SLUICE_STATUS": 0, "SLUICE_RULE": "members-may-send",
        "SLUICE_REMAINING": 9, "SLUICE_POLICY": "a" * 64, "SLUICE_TOPIC": f"room-{random.randrange(500)}",
        "SLUICE_SERVICE": "message", "SLUICE_INSTANCE": "127.0.0.1:9001", "SLUICE_ATTEMPTS": 1, "SLUICE_DURATION_US": 842,
        "SLUICE_UPSTREAM_US": 700, "SLUICE_BYTES_IN": 300, "SLUICE_PAYLOAD_BYTES": 210, "SLUICE_BYTES_OUT": 40}
    sys.stdout.write("".join(f"{name}={value}\n" for name, value in fields.items()) + "\n")
PYTHON
    "$remote" -o "$folder/journal/benchmark.journal" "$folder/entries.export"
    rm "$folder/entries.export"
fi
# Milliseconds a command takes: by the clock, and of processors.
measure() {
    { time "$@" >/dev/null; } 2>&1 | awk 'END { printf "%d %d\n", $1 * 1000, ($2 + $3) * 1000 }'
}
TIMEFORMAT='%R %U %S'
best_wall=(0 0)
best_cpu=(0 0)
for turn in 1 2 3; do
    read -r wall0 cpu0 < <(measure journalctl --directory "$folder/journal" -o export -q --no-pager)
    "$tool" policy replay "$policies" --directory "$folder/journal" --warm-up 0s --json > "$folder/result"
    grep -q "\"entries\" : $entries" "$folder/result"
    read -r wall1 cpu1 < <(measure "$tool" policy replay "$policies" --directory "$folder/journal" --warm-up 0s)
    echo "turn $turn: journalctl -o export $wall0 ms ($cpu0 ms of processor), policy replay $wall1 ms ($cpu1 ms)"
    walls=("$wall0" "$wall1")
    cpus=("$cpu0" "$cpu1")
    for which in 0 1; do
        if [ "$turn" -eq 1 ] || [ "${walls[which]}" -lt "${best_wall[which]}" ]; then best_wall[which]=${walls[which]}; fi
        if [ "$turn" -eq 1 ] || [ "${cpus[which]}" -lt "${best_cpu[which]}" ]; then best_cpu[which]=${cpus[which]}; fi
    done
done
echo "$entries entries: $((best_wall[1] * 100 / best_wall[0])) % of journalctl's time," \
    "$((best_cpu[1] * 100 / best_cpu[0])) % of its processor time (goal: at most 150 %)"
