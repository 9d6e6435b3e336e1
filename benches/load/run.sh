#!/usr/bin/env bash
# Requests per second, server CPU per request, latencies and system calls of ringspun beside others.
#
#   benches/load/run.sh                        everything, about six minutes
#   benches/load/run.sh --scenarios json --contenders "ringspun hyper" --seconds 1
#
# The method is in benches/README.md. Each scenario's table is printed and written to out/ as JSON.

# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat <<'TEXT'
usage: run.sh [--scenarios "NAME..."]   of keep-alive-64 keep-alive-256 pipelined-16 close json
                                        (all of these), post-16k tcp-echo (when named)
              [--contenders "NAME..."]  of floor hyper axum go ringspun (all of these), hyper-ct
                                        (hyper on tokio's current-thread runtime; when named)
              [--rounds N]              (3)
              [--seconds S]             per measurement (3)
              [--requests N]            under strace (10000)
              [--no-strace]             do not count system calls
              [--wrk]                   wrk makes the load: a demonstration, not a finding
              [--both-cores]            servers use CPUs 0 and 1, and so does the generator
TEXT
}

scenarios="keep-alive-64 keep-alive-256 pipelined-16 close json"
contenders="floor hyper axum go ringspun"
rounds=3
seconds=3
requests=10000
generator=spin
count=true
failed=false

parse_arguments() {
  while (($# > 0)); do
    case $1 in
      --scenarios) scenarios=$2; shift ;;
      --contenders) contenders=$2; shift ;;
      --rounds) rounds=$2; shift ;;
      --seconds) seconds=$2; shift ;;
      --requests) requests=$2; shift ;;
      --no-strace) count=false ;;
      --wrk) generator=wrk ;;
      --both-cores) server_cpus=0,1 generator_cpus=0,1 cores=2 ;;
      --help) usage; exit 0 ;;
      *) usage >&2; exit 2 ;;
    esac
    shift
  done
  if ! [[ $rounds =~ ^[1-9][0-9]*$ && $requests =~ ^[1-9][0-9]*$ ]]; then
    die "--rounds and --requests are counts"
  fi
}

# Sets the generator's arguments of a scenario: `load` for spin, `wrk_load` and `path` for wrk.
load_of() { # SCENARIO
  path=/plaintext
  wrk_load=(-c 64 -s "$here/report.lua")
  case $1 in
    keep-alive-64) load=(--connections 64) ;;
    keep-alive-256) load=(--connections 256) wrk_load=(-c 256 -s "$here/report.lua") ;;
    pipelined-16)
      load=(--connections 64 --pipeline 16)
      wrk_load=(-c 64 -s "$here/pipeline.lua")
      ;;
    close) load=(--connections 64 --mode close) wrk_load+=(-H "Connection: close") ;;
    json) load=(--connections 256 --path /json) path=/json wrk_load=(-c 256 -s "$here/report.lua") ;;
    post-16k) load=(--connections 64 --path /echo --size 16384) wrk_load=() ;;
    tcp-echo) load=(--connections 64 --mode echo --size 64) wrk_load=() ;;
    *) die "$1: no such scenario" ;;
  esac
}

# One measurement with a fresh server: a line of figures on standard output.
measure() { # CONTENDER
  if [[ $generator == wrk ]]; then
    measure_by "$1" measure_with_wrk
  else
    measure_by "$1" generate "${load[@]}" --seconds "$seconds"
  fi
}

measure_with_wrk() {
  local before after line
  before=$(cpu_time)
  line=$(taskset -c "$generator_cpus" wrk -t 1 -d "${seconds%.*}s" "${wrk_load[@]}" \
    "http://$addr$path" | grep '^requests=') || return 1
  after=$(cpu_time)
  awk -v before="$before" -v after="$after" -v line="$line" -v n="$(value_of requests <<<"$line")" '
    BEGIN {
      if (n == 0) exit 1
      split(before, b); split(after, a)
      user = (a[1] - b[1]) / n; system_ = (a[2] - b[2]) / n
      printf "%s cpu_us=%.4f user_us=%.4f system_us=%.4f\n", line, user + system_, user, system_
    }'
}

# All rounds of a scenario, the contenders in turns.
run_scenario() { # SCENARIO CONTENDERS...
  local scenario=$1 contender
  shift
  load_of "$scenario"
  if [[ $generator == wrk && ${#wrk_load[@]} == 0 ]]; then
    say "$scenario: skipped, not for wrk"
    return
  fi
  measure_in_turns "$scenario" "$@"
  for contender in "$@"; do
    : >"$tmp/$contender.calls"
    if $count && ! [[ -e $tmp/$contender.failed ]]; then
      say "$scenario, counting system calls: $contender"
      count_calls "$contender" "$requests" "${load[@]}" >"$tmp/$contender.calls" ||
        touch "$tmp/$contender.failed"
    fi
    summarize "$contender" >>"$tmp/summary"
    if [[ -e $tmp/$contender.failed ]]; then failed=true; fi
  done
  print_table "$scenario"
  write_json "$scenario"
  rm -f "$tmp"/*.rounds "$tmp"/*.calls "$tmp"/*.failed "$tmp/summary"
}

# A contender's rounds as one line of pairs: the least CPU time and the user part in that round, the
# most requests per second, the median of the latencies.
summarize() { # CONTENDER
  if [[ -e $tmp/$1.failed ]]; then
    echo "name=$1 failed=1"
    return
  fi
  awk -v name="$1" -v requests="$requests" -v calls="$(value_of calls <"$tmp/$1.calls")" \
    "$awk_median"'
    {
      for (i = 1; i <= NF; i++) { split($i, pair, "="); f[pair[1]] = pair[2] + 0 }
      if (NR == 1 || f["cpu_us"] < cpu) { cpu = f["cpu_us"]; user = f["user_us"] }
      if (f["rps"] > rps) rps = f["rps"]
      if ("p50_us" in f) {
        p50[++timed] = f["p50_us"]; p99[timed] = f["p99_us"]; p999[timed] = f["p999_us"]
      }
      all = all (NR > 1 ? "," : "") f["cpu_us"]
      wrong += f["wrong"]
    }
    END {
      printf "name=%s cpu_us=%.4f user_us=%.4f rps=%d", name, cpu, user, rps
      if (timed > 0) {
        printf " p50_us=%.1f p99_us=%.1f", median(p50, timed), median(p99, timed)
        printf " p999_us=%.1f", median(p999, timed)
      }
      if (calls != "") printf " calls=%.4f", calls / requests
      if (wrong > 0) printf " wrong=%d", wrong
      printf " rounds=%s\n", all
    }
  ' "$tmp/$1.rounds"
}

# Reads summary lines into `f[name, key]`, and finds the two that the others are compared with.
read_summary='
  function ratio(name, base) {
    if (!((base, "cpu_us") in f) || f[base, "cpu_us"] == 0) return ""
    return sprintf("%.3f", f[name, "cpu_us"] / f[base, "cpu_us"])
  }
  {
    split($1, pair, "="); name = pair[2]; names[++n] = name
    for (i = 2; i <= NF; i++) { split($i, pair, "="); f[name, pair[1]] = pair[2] }
    if (name ~ /^floor/) floor = name
    if (name ~ /^(hyper|tokio-echo)$/) peer = name
  }'

print_table() { # SCENARIO
  printf '\n%s: %d rounds of %s s by %s, server on CPU %s, generator on CPU %s\n' \
    "$1" "$rounds" "$seconds" "$generator" "$server_cpus" "$generator_cpus"
  # shellcheck disable=SC2016
  awk "$read_summary"'
    function or_dash(text) { return text == "" ? "-" : text }
    function shown(form, name, key) {
      return (name, key) in f ? sprintf(form, f[name, key]) : "-"
    }
    END {
      printf "%-14s %9s %9s %8s %8s %10s %9s %9s %10s %10s\n", "", "CPU us/rq", "of it usr",
        "/floor", peer ~ /^tokio/ ? "/tokio" : "/hyper", "requests/s", "p50 us", "p99 us", "p99.9 us",
        "calls/rq"
      for (i = 1; i <= n; i++) {
        name = names[i]
        if ((name, "failed") in f) { printf "%-14s failed\n", name; continue }
        printf "%-14s %9.3f %9.3f %8s %8s %10d %9s %9s %10s %10s", name,
          f[name, "cpu_us"], f[name, "user_us"], or_dash(ratio(name, floor)), or_dash(ratio(name, peer)),
          f[name, "rps"], shown("%.0f", name, "p50_us"), shown("%.0f", name, "p99_us"),
          shown("%.0f", name, "p999_us"), shown("%.3f", name, "calls")
        if ((name, "wrong") in f) printf "  %d wrong answers", f[name, "wrong"]
        printf "\n"
      }
    }' "$tmp/summary"
}

write_json() { # SCENARIO
  local name=$1
  if [[ $generator == wrk ]]; then name+=-wrk; fi
  if ((cores > 1)); then name+=-both-cores; fi
  mkdir -p "$out"
  {
    printf '{\n  "scenario": "%s",\n  "generator": "%s",\n' "$1" "$generator"
    printf '  "rounds": %d,\n  "seconds": %s,\n' "$rounds" "$seconds"
    printf '  "server_cpus": "%s",\n  "generator_cpus": "%s",\n' "$server_cpus" "$generator_cpus"
    provenance
    # shellcheck disable=SC2016
    awk "$read_summary"'
      function member(key, text) { if (text != "") printf ", \"%s\": %s", key, text }
      END {
        printf "  \"results\": ["
        for (i = 1; i <= n; i++) {
          name = names[i]
          printf "%s\n    {\"name\": \"%s\"", (i > 1 ? "," : ""), name
          if ((name, "failed") in f) { printf ", \"failed\": true}"; continue }
          member("cpu_us", f[name, "cpu_us"]); member("user_us", f[name, "user_us"])
          member("to_floor", ratio(name, floor)); member("to_" (peer ~ /^tokio/ ? "tokio" : "hyper"), ratio(name, peer))
          member("requests_per_second", f[name, "rps"]); member("p50_us", f[name, "p50_us"])
          member("p99_us", f[name, "p99_us"]); member("p999_us", f[name, "p999_us"])
          member("calls_per_request", f[name, "calls"]); member("wrong_answers", f[name, "wrong"])
          printf ", \"cpu_us_of_rounds\": [%s]}", f[name, "rounds"]
        }
        printf "\n  ]\n}\n"
      }' "$tmp/summary"
  } >"$tmp/json"
  mv "$tmp/json" "$out/$name.json"
}

main() {
  local scenario contender echo_ready=()
  parse_arguments "$@"
  check_tools
  if [[ $generator == wrk ]]; then command -v wrk >/dev/null || die "wrk is not here"; fi
  if $count && ! strace_works; then
    say "system calls are not counted: strace is not here or may not trace"
    count=false
  fi
  build_peers
  find_ready "$contenders"
  for scenario in $scenarios; do
    if [[ $scenario == tcp-echo ]]; then
      for contender in floor-echo tokio-echo ringspun-echo; do
        if available "$contender"; then echo_ready+=("$contender"); fi
      done
      run_scenario "$scenario" "${echo_ready[@]}"
    else
      run_scenario "$scenario" "${ready[@]}"
    fi
  done
  printf '\nThe figures are in %s\n' "${out#"$PWD"/}"
  if $failed; then die "some measurements failed, see above"; fi
}

main "$@"
