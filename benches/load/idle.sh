#!/usr/bin/env bash
# What servers cost while nothing happens, and what a connection costs in calls of epoll_ctl.
#
#   benches/load/idle.sh
#   benches/load/idle.sh --connections 1000 --contenders "ringspun hyper"
#
# Columns: context switches per second of a process that has just started; user memory per idle
# connection (growth of the resident set over N kept connections, each after one request, divided by N);
# context switches per second while it holds them; and from 10,000 keep-alive requests on 64
# connections under strace: calls of epoll_ctl, system calls per request, reads that found nothing.

# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

connections=10000
contenders="floor hyper axum go ringspun"
seconds=5
requests=10000
kept=64

parse_arguments() {
  while (($# > 0)); do
    case $1 in
      --connections) connections=$2; shift ;;
      --contenders) contenders=$2; shift ;;
      --seconds) seconds=$2; shift ;;
      *)
        say 'usage: idle.sh [--connections N] [--contenders "NAME..."] [--seconds S]'
        exit 2
        ;;
    esac
    shift
  done
  [[ $connections =~ ^[1-9][0-9]*$ ]] || die "--connections is a count"
  descriptors_for "$connections" ||
    die "$(ulimit -n) descriptors are not enough for $connections connections (ulimit -n)"
}

# The whole row of a contender as pairs.
row_of() { # CONTENDER
  # By way of files: in a subshell, `pid` would be lost to the clean-up.
  say "idle: $1"
  if ! measure_idle "$1" "$connections" "$seconds" >"$tmp/memory"; then
    echo "name=$1 failed=1"
    return
  fi
  : >"$tmp/calls"
  if $tracing; then
    say "counting system calls: $1"
    count_calls "$1" "$requests" --connections "$kept" >"$tmp/calls" || : >"$tmp/calls"
  fi
  echo "name=$1 $(cat "$tmp/memory" "$tmp/calls" | tr '\n' ' ')"
}

print_table() {
  printf '\n%d idle connections; %d requests on %d connections under strace\n' \
    "$connections" "$requests" "$kept"
  awk -v requests="$requests" '
    BEGIN {
      form = "%-14s %12s %14s %12s %10s %10s %12s\n"
      printf form, "", "switches/s", "B/connection", "switches/s", "epoll_ctl", "calls/rq", "empty reads"
      printf form, "", "when fresh", "", "holding them", "", "", ""
    }
    function or_dash(key) { return key in f ? f[key] : "-" }
    {
      split("", f)
      for (i = 1; i <= NF; i++) { split($i, pair, "="); f[pair[1]] = pair[2] }
      if ("failed" in f) { printf "%-14s failed\n", f["name"]; next }
      if ("calls" in f) f["per_request"] = sprintf("%.3f", f["calls"] / requests)
      printf form, f["name"], f["fresh"], f["bytes"], f["held"], or_dash("epoll_ctl"),
        or_dash("per_request"), or_dash("eagain")
    }' "$tmp/rows"
}

write_json() {
  mkdir -p "$out"
  {
    printf '{\n  "scenario": "idle",\n  "connections": %d,\n  "requests": %d,\n' \
      "$connections" "$requests"
    provenance
    awk '
      {
        split($1, pair, "=")
        printf "%s\n    {\"name\": \"%s\"", (NR > 1 ? "," : "  \"results\": ["), pair[2]
        for (i = 2; i <= NF; i++) { split($i, pair, "="); printf ", \"%s\": %s", pair[1], pair[2] }
        printf "}"
      }
      END { print "\n  ]\n}" }' "$tmp/rows"
  } >"$tmp/json"
  mv "$tmp/json" "$out/idle.json"
}

main() {
  local contender
  check_tools
  parse_arguments "$@"
  tracing=true
  strace_works || { tracing=false; say "system calls are not counted: strace is not here"; }
  find_ready "$contenders"
  for contender in "${ready[@]}"; do
    row_of "$contender" >>"$tmp/rows"
  done
  print_table
  write_json
  if grep -q 'failed=1' "$tmp/rows"; then die "some measurements failed, see above"; fi
}

main "$@"
