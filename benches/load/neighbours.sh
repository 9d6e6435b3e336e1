#!/usr/bin/env bash
# What a bad neighbour does to the other requests, and what a quiet load costs on two cores.
#
#   benches/load/neighbours.sh                 everything, about ten minutes
#   benches/load/neighbours.sh --scenarios headline --contenders "ringspun go" --plays 300 --rounds 1
#
# The method is in benches/README.md. Each scenario's table is printed and written to out/ as JSON.

# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=medians.sh
. "$here/medians.sh"
# shellcheck source=scenarios.sh
. "$here/scenarios.sh"

usage() {
  cat <<'TEXT'
usage: neighbours.sh [--scenarios "NAME..."]   of burn block quiet20k headline headline-both thousand
                                               (all of these), headline-block (when named)
                     [--contenders "NAME..."]  of floor hyper go ringspun (all of these), axum, hyper-ct
                     [--rounds N]              (5)
                     [--seconds S]             of a load (4)
                     [--plays N]               of a headline (300)
                     [--generator-cpus LIST]   of the loads on two cores (0,1: the servers' own)
TEXT
}

scenarios="burn block quiet20k headline headline-both thousand"
contenders="floor hyper go ringspun"
rounds=5
seconds=4
plays=300
shared_cpus=0,1

parse_arguments() {
  while (($# > 0)); do
    case $1 in
      --scenarios) scenarios=$2; shift ;;
      --contenders) contenders=$2; shift ;;
      --rounds) rounds=$2; shift ;;
      --seconds) seconds=$2; shift ;;
      --plays) plays=$2; shift ;;
      --generator-cpus) shared_cpus=$2; shift ;;
      --help) usage; exit 0 ;;
      *) usage >&2; exit 2 ;;
    esac
    shift
  done
  if ! [[ $rounds =~ ^[1-9][0-9]*$ && $plays =~ ^[1-9][0-9]*$ ]]; then
    die "--rounds and --plays are counts"
  fi
}

# Sets what a scenario needs: the generator's arguments, CPUs, and the figures to show, the one that is
# compared with the floor's first.
set_up() { # SCENARIO
  local stuck=1 path=/burn/10000
  server_cpus=0,1 cores=2 generator_cpus=$shared_cpus
  case $1 in
    burn | block)
      load_of "$1"
      load+=(--seconds "$seconds")
      columns="mean_us p50_us p90_us p99_us window_p99_us p999_us late_p99_us cpu_us"
      ;;
    quiet20k)
      load_of "$1"
      load+=(--seconds "$seconds")
      columns="cpu_us p50_us p90_us p99_us window_p99_us p999_us late_p99_us"
      ;;
    headline*)
      case $1 in
        headline) ;;
        headline-both) stuck=2 ;;
        headline-block) path=/block/10 ;;
        *) die "$1: no such scenario" ;;
      esac
      load=(headline --path "$path" --stuck "$stuck" --rounds "$plays")
      columns="p50_us p90_us p99_us max_us misses early cpu_us"
      ;;
    thousand)
      server_cpus=0 cores=1 generator_cpus=1
      load_of "$1"
      load+=(--seconds "$seconds")
      columns="p99_by_p50 p50_us p99_us p999_us cpu_us rps"
      ;;
    *) die "$1: no such scenario" ;;
  esac
}

measure() { # CONTENDER
  # No command substitution: in a shell of its own the server would outlive an interrupt.
  measure_by "$1" generate "${load[@]}" >"$tmp/line" || return 1
  awk -v p50="$(value_of p50_us <"$tmp/line")" -v p99="$(value_of p99_us <"$tmp/line")" \
    '{ printf "%s p99_by_p50=%.3f\n", $0, p99 / p50 }' "$tmp/line"
}

run_scenario() { # SCENARIO CONTENDERS...
  local scenario=$1
  shift
  set_up "$scenario"
  measure_in_turns "$scenario" "$@"
  report "neighbours-$scenario" floor "$@"
}

main() {
  local scenario
  parse_arguments "$@"
  check_tools
  find_ready "$contenders"
  for scenario in $scenarios; do
    run_scenario "$scenario" "${ready[@]}"
  done
  printf '\nThe figures are in %s\n' "${out#"$PWD"/}"
  if $failed; then die "some measurements failed, see above"; fi
}

main "$@"
