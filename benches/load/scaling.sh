#!/usr/bin/env bash
# ringspun with more and more cores on the same CPUs: what do cores cost that have nothing to run on?
#
#   benches/load/scaling.sh                               /plaintext and echo, 2, 16 and 64 cores
#   benches/load/scaling.sh --scenarios echo --cores "2 8" --rounds 1
#
# The method is in benches/README.md. Each scenario's table is printed and written to out/ as JSON.

# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=medians.sh
. "$here/medians.sh"

usage() {
  cat <<'TEXT'
usage: scaling.sh [--scenarios "NAME..."]  of plaintext echo (both)
                  [--cores "N..."]         (2 16 64); the first is what the others are compared with
                  [--rounds N]             (5)
                  [--seconds S]            of a load (3)
                  [--connections N]        (256)
                  [--requests N]           of the counts (100000)
                  [--server-cpus LIST]     (0,1)
                  [--generator-cpus LIST]  (0,1: the servers' own)
TEXT
}

scenarios="plaintext echo"
core_counts="2 16 64"
rounds=5
seconds=3
connections=256
requests=100000
server_cpus=0,1
generator_cpus=0,1
columns="rps cpu_us p50_us p99_us injected wakes_sent steals stolen_tasks parks empty_searches"

parse_arguments() {
  while (($# > 0)); do
    case $1 in
      --scenarios) scenarios=$2; shift ;;
      --cores) core_counts=$2; shift ;;
      --rounds) rounds=$2; shift ;;
      --seconds) seconds=$2; shift ;;
      --connections) connections=$2; shift ;;
      --requests) requests=$2; shift ;;
      --server-cpus) server_cpus=$2; shift ;;
      --generator-cpus) generator_cpus=$2; shift ;;
      --help) usage; exit 0 ;;
      *) usage >&2; exit 2 ;;
    esac
    shift
  done
}

# A round of cores-N: the load for a time, then the counters of a run of so many requests, per request.
measure() { # cores-N
  cores=${1#cores-}
  measure_by "$server" generate "${load[@]}" --seconds "$seconds" >"$tmp/line" || return 1
  measure_by "$server" count >"$tmp/counts" || return 1
  printf '%s %s\n' "$(<"$tmp/line")" "$(<"$tmp/counts")"
}

# The server prints its counters when it is ended in order.
count() {
  generate "${load[@]}" --requests "$requests" >/dev/null || return 1
  kill -INT "$pid"
  local result=0
  wait "$pid" || result=1
  pid=
  ((result == 0)) || return 1
  awk -v n="$requests" '
    $1 == "metrics:" {
      for (i = 2; i <= NF; i++) { split($i, pair, "="); printf "%s=%.6f ", pair[1], pair[2] / n }
      found = 1
    }
    END { exit !found }' "$tmp/server.out"
}

main() {
  local scenario ready=()
  parse_arguments "$@"
  check_tools
  build_spin
  for scenario in $scenarios; do
    case $scenario in
      plaintext) server=ringspun load=(--connections "$connections") ;;
      echo) server=ringspun-echo load=(--connections "$connections" --mode echo) ;;
      *) die "$scenario: no such scenario" ;;
    esac
    available "$server" || die "nobody to measure"
    # shellcheck disable=SC2206
    ready=($core_counts)
    ready=("${ready[@]/#/cores-}")
    measure_in_turns "$scenario" "${ready[@]}"
    report "scaling-$scenario" "${ready[0]}" "${ready[@]}"
  done
  printf '\nCounts are per request. The figures are in %s\n' "${out#"$PWD"/}"
  if $failed; then die "some measurements failed, see above"; fi
}

main "$@"
