#!/usr/bin/env bash
# Counts the instructions of the kernels around the networks and compares them with
# benches/kernels.baseline: more than 5 % up or down fails. With --update the baseline is written.
set -euo pipefail
cd "$(dirname "$0")/.."
baseline=benches/kernels.baseline
allowed=5

build() { cargo build --release --bench kernels --message-format=json 2>/dev/null; }
binary=$(build | python3 -c '
import json, sys
for line in sys.stdin:
    one = json.loads(line)
    if one.get("executable") and one["target"]["name"] == "kernels":
        print(one["executable"])')
[ -n "$binary" ] || { echo "the kernels could not be built: cargo build --release --bench kernels" >&2; exit 1; }

counts=$(mktemp)
trap 'rm -f "$counts"' EXIT
for kernel in $("$binary"); do
    report=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect='*counted*' "$binary" "$kernel" 2>&1) ||
        { echo "$report" >&2; exit 1; }
    echo "$kernel $(echo "$report" | awk '/Collected/ {print $NF}')" >>"$counts"
done

if [ "${1:-}" = --update ]; then
    cp "$counts" "$baseline"
    cat "$baseline"
    exit 0
fi
awk -v allowed="$allowed" '
    NR == FNR { known[$1] = $2; next }
    {
        seen[$1] = 1
        if (!($1 in known)) { printf "%-12s %12d  not in the baseline\n", $1, $2; bad = 1; next }
        change = 100 * ($2 / known[$1] - 1)
        wrong = change > allowed || change < -allowed
        printf "%-12s %12d  %+.1f %%%s\n", $1, $2, change, wrong ? "  OUTSIDE" : ""
        bad = bad || wrong
    }
    END {
        for (name in known) if (!(name in seen)) { printf "%-12s is gone\n", name; bad = 1 }
        if (bad) print "counts have changed by more than " allowed " %: if that is meant, benches/kernels.sh --update"
        exit bad
    }' "$baseline" "$counts"
