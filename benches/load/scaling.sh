#!/usr/bin/env bash
# More and more cores on the same CPUs: what grows with their number, for each request?
#
#   benches/load/scaling.sh                                 all scenarios, 2 to 64 cores, about 15 minutes
#   benches/load/scaling.sh --scenarios plaintext --cores "2 16 64" --rounds 1
#
# The method is in benches/README.md. Each scenario's table is printed and written to out/ as JSON.

# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=medians.sh
. "$here/medians.sh"
# shellcheck source=locked.sh
. "$here/locked.sh"

usage() {
  cat <<'TEXT'
usage: scaling.sh [--scenarios "NAME..."]  of plaintext echo close instructions one-queue own-queues hammer (all)
                  [--cores "N..."]         (2 4 8 16 32 64); the first is what the others are compared with
                  [--rounds N]             (3)
                  [--seconds S]            of a load (3)
                  [--connections N]        in all (256)
                  [--per-core N]           connections for each core instead
                  [--requests N]           of the counts (100000)
                  [--server-cpus LIST]     (0,1)
                  [--generator-cpus LIST]  (0,1: the servers' own)
TEXT
}

scenarios="plaintext echo close instructions one-queue own-queues hammer"
core_counts="2 4 8 16 32 64"
rounds=3
seconds=3
connections=256
per_core=0
requests=100000
server_cpus=0,1
generator_cpus=0,1
# Of the servers that are ringspun's: what all cores share. `shared` is the sum of what is known to write a
# line that is not its core's own.
ringspun_columns="rps cpu_us switches shared injected wakes_sent steals empty_searches parks watchdog adoptions reactor_waits calls epoll_ctl"
# The same under callgrind, where time means nothing.
instructions_columns="instructions locked shared steals empty_searches parks adoptions reactor_waits"
# Of the two comparison servers.
queue_columns="rps cpu_us switches reactor_waits reactor_events empty_reads wait_ns ctl_us calls epoll_ctl"

parse_arguments() {
  while (($# > 0)); do
    case $1 in
      --scenarios) scenarios=$2; shift ;;
      --cores) core_counts=$2; shift ;;
      --rounds) rounds=$2; shift ;;
      --seconds) seconds=$2; shift ;;
      --connections) connections=$2; shift ;;
      --per-core) per_core=$2; shift ;;
      --requests) requests=$2; shift ;;
      --server-cpus) server_cpus=$2; shift ;;
      --generator-cpus) generator_cpus=$2; shift ;;
      --help) usage; exit 0 ;;
      *) usage >&2; exit 2 ;;
    esac
    shift
  done
}

# Sets `argv` to the server with `cores` cores.
command_line() { # FLAGS...
  case $server in
    ringspun*) command_of "$server" ;;
    *) argv=("$peers_target/release/one-queue" --addr 127.0.0.1:0 --cores "$cores" "${queue_flags[@]}" "$@") ;;
  esac
}

# A round of cores-N: the load for a time, then the counters of a run of so many requests, per request,
# and the system calls of another.
measure() { # cores-N
  cores=${1#cores-}
  choose "$scenario"
  case $scenario in
    hammer) hammer; return ;;
    instructions) count_instructions; return ;;
  esac
  command_line
  measure_this generate "${load[@]}" --seconds "$seconds" >"$tmp/line" || return 1
  command_line --timed
  measure_this count >"$tmp/counts" || return 1
  printf '%s %s %s\n' "$(<"$tmp/line")" "$(<"$tmp/counts")" "$(calls)"
}

# `measure_by`, with the command that is set already.
measure_this() { # COMMAND ARGUMENTS...
  start_server || return 1
  local result=0
  "$@" || result=1
  if [[ -n $pid ]]; then stop_server; fi
  return $result
}

# The server prints its counters when it is ended in order.
count() {
  generate "${load[@]}" --requests "$requests" >/dev/null || return 1
  local switched
  switched=$(switches)
  kill -INT "$pid"
  local result=0
  wait "$pid" || result=1
  pid=
  ((result == 0)) || return 1
  awk -v n="$requests" -v switched="$switched" '
    $1 == "metrics:" {
      for (i = 2; i <= NF; i++) { split($i, pair, "="); f[pair[1]] = pair[2] / n }
      found = 1
    }
    END {
      # In and out of the inject queue; asleep and awake in the idle word; into a search and out of it;
      # another worker told, and its eventfd written; the alarm set.
      f["shared"] = 2 * f["injected"] + 2 * f["parks"] + 2 * (f["steals"] + f["empty_searches"]) + \
        2 * f["wakes_sent"] + f["watchdog"]
      f["switches"] = switched / n
      if ("ctls" in f && f["ctls"] > 0) f["ctl_us"] = f["ctl_ns"] / f["ctls"] / 1000
      for (key in f) printf "%s=%.6f ", key, f[key]
      exit !found
    }' "$tmp/server.out"
}

# Instructions in user space per request, and the locked ones among them: of twice so many requests less
# those of once. Then the counters of the longer run.
count_instructions() {
  local n=$((requests / 10)) log=$tmp/callgrind.log
  local counted=() times
  for times in 1 2; do
    command_line
    start_server valgrind --tool=callgrind "${locked_options[@]}" \
      --callgrind-out-file="$tmp/callgrind.$times" --log-file="$log" || return 1
    requests=$((n * times)) count >"$tmp/counts" || { stop_server; return 1; }
    counted+=("$(awk '/Collected :/ { print $NF }' "$log")")
  done
  awk -v n="$n" -v a="${counted[0]}" -v b="${counted[1]}" \
    'BEGIN { printf "instructions=%.0f ", (b - a) / n }'
  count_locked "${argv[0]}" "$n" "$tmp/callgrind.1" "$tmp/callgrind.2" |
    awk '$2 == "in" && $3 == "all" { printf "locked=%s ", $1 }'
  cat "$tmp/counts"
}

# System calls per request, from a run under strace; nothing where that does not work.
calls() {
  local n=$((requests / 10))
  strace_works || return 0
  command_line
  rm -f "$tmp/strace"
  start_server strace -D -f -c -qq -o "$tmp/strace" || return 0
  hold_connections --requests "$n" "${load[@]}" --stay || true
  stop_server
  let_go
  local deadline=$((SECONDS + 10))
  until [[ -s $tmp/strace ]] || ((SECONDS > deadline)); do sleep 0.05; done
  awk -v n="$n" '
    $NF == "total" { calls = $4 }
    $NF == "epoll_ctl" { ctl = $4 }
    END { printf "calls=%.6f epoll_ctl=%.6f", calls / n, ctl / n }' "$tmp/strace"
}

# Both kinds of queues in one line.
hammer() {
  local program=$peers_target/release/one-queue one own
  one=$(taskset -c "$server_cpus" "$program" --cores "$cores" --hammer) || return 1
  own=$(taskset -c "$server_cpus" "$program" --cores "$cores" --hammer --own) || return 1
  printf 'one_per_s=%s one_ns=%s own_per_s=%s own_ns=%s\n' \
    "$(value_of registrations_per_s <<<"$one")" "$(value_of registration_ns <<<"$one")" \
    "$(value_of registrations_per_s <<<"$own")" "$(value_of registration_ns <<<"$own")"
}

# Sets what a scenario is, with `cores` cores: `server`, `load`, `columns`.
choose() { # SCENARIO
  queue_flags=()
  columns=$ringspun_columns
  if ((per_core > 0)); then connections=$((per_core * cores)); fi
  load=(--connections "$connections")
  case $1 in
    plaintext) server=ringspun ;;
    close) server=ringspun load+=(--mode close) ;;
    instructions) server=ringspun columns=$instructions_columns ;;
    echo) server=ringspun-echo load+=(--mode echo) ;;
    one-queue) server=one-queue load+=(--mode echo) columns=$queue_columns ;;
    own-queues) server=one-queue load+=(--mode echo) columns=$queue_columns queue_flags=(--own) ;;
    hammer) server=hammer load=() columns="one_per_s one_ns own_per_s own_ns" ;;
    *) die "$1: no such scenario" ;;
  esac
}

main() {
  local scenario ready=()
  parse_arguments "$@"
  check_tools
  build_spin
  build_peer one-queue || die "one-queue does not build"
  for scenario in $scenarios; do
    if [[ $scenario == instructions ]] && ! command -v valgrind >/dev/null; then
      say "instructions: skipped, no valgrind here"
      continue
    fi
    choose "$scenario"
    case $server in
      ringspun*) available "$server" || die "nobody to measure" ;;
    esac
    # shellcheck disable=SC2206
    ready=($core_counts)
    ready=("${ready[@]/#/cores-}")
    measure_in_turns "$scenario" "${ready[@]}"
    report "scaling-$scenario" "${ready[0]}" "${ready[@]}"
  done
  printf '\nCounts are per request, wait_ns too; ctl_us is for each call. The figures are in %s\n' "${out#"$PWD"/}"
  if $failed; then die "some measurements failed, see above"; fi
}

main "$@"
