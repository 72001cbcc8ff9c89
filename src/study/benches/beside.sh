#!/usr/bin/env bash
# Measures the workloads beside other programs for the same ones, in turns, so that all of them
# meet the same machine; medians over the rounds, and ratios to the whole run and to the loop alone.
#
#   src/study/benches/beside.sh ROUNDS MODEL:LABEL=COMMAND...
#
# e.g. src/study/benches/beside.sh 5 'mm1:by hand=./yardstick mm1 3000000'
#
# MODEL is mm1, three_tier or checkout. COMMAND is a line of shell that prints its CPU time as
# `NUMBER ns/request` (or ns/req, ns/customer); the lowest counts where there are several.
set -euo pipefail
rounds=$1
shift
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
taken=$(mktemp)
trap 'rm -f "$taken"' EXIT

ours() {
    (cd "$root" && cargo bench --quiet -p stormglass-study --bench workloads -- "$@")
}

mapfile -t models < <(printf '%s\n' "${@%%:*}" | sort -u)
for ((round = 1; round <= rounds; round++)); do
    # MODEL REQUESTS EVENTS/REQUEST LOOP RUN RUN/S below a line of titles.
    ours "${models[@]}" | awk -v OFS='\t' 'NR > 1 { print $1, "loop", $4; print $1, "run", $5 }' >>"$taken"
    for other in "$@"; do
        model=${other%%:*}
        label=${other#*:}
        label=${label%%=*}
        bash -c "${other#*=}" | awk -v OFS='\t' -v model="$model" -v label="$label" '
            match($0, /[0-9.]+ ns\/(req|cust)/) {
                ns = substr($0, RSTART, RLENGTH) + 0
                if (!seen++ || ns < least) least = ns
            }
            END { if (seen) print model, label, least; else exit 1 }' >>"$taken"
    done
done

sort -t $'\t' -k1,1 -k2,2 -k3,3g "$taken" | awk -F '\t' '
    { key = $1 FS $2; values[key, ++count[key]] = $3; if (count[key] == 1) keys[++n] = key }
    END {
        for (key in count) median[key] = values[key, int((count[key] + 1) / 2)]
        printf "%-12s %-24s %10s %8s %8s\n", "model", "program", "ns/request", "run/it", "loop/it"
        for (i = 1; i <= n; i++) {
            split(keys[i], part, FS)
            it = median[keys[i]]
            printf "%-12s %-24s %10.1f %8.2f %8.2f\n", part[1], part[2], it, \
                median[part[1] FS "run"] / it, median[part[1] FS "loop"] / it
        }
    }'
