#!/bin/bash
# The Autobahn test suite against the gateway's frame reader (Benchmarks/WebSocketEcho).
#
#   WSTEST=path/to/wstest Benchmarks/autobahn.sh      # needs Python 2.7's autobahntestsuite
#   CASES='"1.*","2.*"'                               # default: all but 9 (limits) and 12, 13 (deflate)
#
# Exit 1 when a case fails: wstest itself always exits 0, so its report is read.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
: "${WSTEST:?names the wstest program}"
port=${PORT:-19001}
work=$(mktemp -d)
"$here/../.build/release/websocket-echo" "$port" &
echo=$!
trap 'kill $echo; rm -rf "$work"' EXIT
until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do kill -0 $echo; done
cat >"$work/spec.json" <<SPEC
{"outdir": "$work/reports", "servers": [{"agent": "sluice", "url": "ws://127.0.0.1:$port"}],
 "cases": [${CASES:-\"*\"}], "exclude-cases": ["9.*", "12.*", "13.*"], "exclude-agent-cases": {}}
SPEC
"$WSTEST" -m fuzzingclient -s "$work/spec.json" >"$work/log" 2>&1
python3 - "$work/reports/index.json" <<'READ'
import collections, json, sys
cases = json.load(open(sys.argv[1]))["sluice"]
kinds = collections.Counter(c["behavior"] for c in cases.values())
closes = collections.Counter(c["behaviorClose"] for c in cases.values())
print(f"autobahn: {len(cases)} cases, behaviour {dict(kinds)}, close {dict(closes)}")
bad = [n for n, c in cases.items() if c["behavior"] in ("FAILED", "UNIMPLEMENTED") or c["behaviorClose"] in ("FAILED", "WRONG CODE", "UNCLEAN")]
for name in bad: print("autobahn:", name, cases[name])
sys.exit(bool(bad))
READ
