#!/usr/bin/env bash
# ringspun beside everybody else: throughput, server CPU, system calls, latencies and memory, in turns.
#
#   benches/compare.sh                          everything, in at most 35 minutes
#   benches/compare.sh --quick                  does it work? about a minute
#   benches/compare.sh --check                  do all contenders answer the same?
#   benches/compare.sh --scenarios json --contenders "floor ringspun hyper" --placements pinned
#
# The method is in benches/README.md. Writes a Markdown text, a chart and JSON.

# shellcheck source=load/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/load/lib.sh"
# shellcheck source=load/scenarios.sh
. "$here/scenarios.sh"

usage() {
  cat <<'TEXT'
usage: compare.sh [--scenarios "NAME..."]   of keep-alive-64 keep-alive-256 turns-64 pipelined-16
                                            pipelined-turns json post-16k close ten echo-64 echo-64k
                                            active-1000 active-10000 burn idle (all of these); when
                                            named: thousand block quiet20k
                  [--contenders "NAME..."]  of floor ringspun hyper hyper-eager axum actix ntex monoio may
                                            compio smol go nginx (all of these); when named: hyper-ct
                  [--placements "NAME..."]  pinned: server on CPU 0, generator on CPU 1; both: both on
                                            both (both of these)
                  [--rounds N]              (3)
                  [--seconds S]             of a measurement (1)
                  [--minutes M]             begin no more rounds and no more scenarios after that (34)
                  [--requests N]            under strace (10000)
                  [--no-strace]             do not count system calls
                  [--wrk]                   wrk makes the load: a demonstration, not a finding
                  [--out PATH]              of PATH.md, PATH.svg and PATH.json (results/latest for
                                            everything, load/out/compare for a part of it)
                  [--quick]                 one short round, fewer scenarios
                  [--check]                 only compare answers
TEXT
}

every_scenario="keep-alive-64 keep-alive-256 turns-64 pipelined-16 pipelined-turns json post-16k close"
every_scenario+=" ten echo-64 echo-64k active-1000 active-10000 burn idle"
every_contender="floor ringspun hyper hyper-eager axum actix ntex monoio may compio smol go nginx"
every_placement="pinned both"

scenarios=$every_scenario
contenders=$every_contender
placements=$every_placement
rounds=3
seconds=1
minutes=34
requests=10000
idle_connections=10000
generator=spin
count=true
quick=false
only_check=false
failed=false
prefix=
# Before the part of a measurement that counts.
warmup=0.25

parse_arguments() {
  while (($# > 0)); do
    case $1 in
      --scenarios) scenarios=$2; shift ;;
      --contenders) contenders=$2; shift ;;
      --placements) placements=$2; shift ;;
      --rounds) rounds=$2; shift ;;
      --seconds) seconds=$2; shift ;;
      --minutes) minutes=$2; shift ;;
      --requests) requests=$2; shift ;;
      --no-strace) count=false ;;
      --wrk) generator=wrk ;;
      --out) prefix=$2; shift ;;
      --quick)
        quick=true
        scenarios="keep-alive-64 echo-64 idle" placements=pinned
        rounds=1 seconds=0.5 requests=1000 idle_connections=1000 settle=0.2
        ;;
      --check) only_check=true ;;
      --help) usage; exit 0 ;;
      *) usage >&2; exit 2 ;;
    esac
    shift
  done
  if ! [[ $rounds =~ ^[1-9][0-9]*$ && $requests =~ ^[1-9][0-9]*$ && $minutes =~ ^[1-9][0-9]*$ ]]; then
    die "--rounds, --requests and --minutes are counts"
  fi
  [[ $seconds =~ ^[0-9]*[.]?[0-9]+$ ]] || die "--seconds is a time"
  local word
  for word in $scenarios; do
    if [[ $word != idle ]]; then load_of "$word"; fi
  done
  for word in $placements; do place "$word"; done
  if [[ -z $prefix ]]; then
    prefix=$out/compare
    if whole; then prefix=$root/benches/results/latest; fi
  fi
}

# Whether this is the comparison, and no part of it.
whole() {
  [[ $scenarios == "$every_scenario" && $contenders == "$every_contender" &&
    $placements == "$every_placement" && $generator == spin ]] && ! $quick && ((rounds >= 3))
}

# Sets the CPUs of server and generator. Who shares the server's CPUs must not spin.
place() { # PLACEMENT
  case $1 in
    pinned) server_cpus=0 generator_cpus=1 cores=1 manner=() ;;
    both) server_cpus=0,1 generator_cpus=0,1 cores=2 manner=(--sleep) ;;
    *) die "$1: no such placement" ;;
  esac
}

# --- One measurement ------------------------------------------------------------------------------

# Sets `load` to all arguments of a scenario's generator but the length.
prepare() { # SCENARIO
  load_of "$1"
  # That one sleeps anyway.
  if [[ ${load[0]} != open ]]; then load+=("${manner[@]}"); fi
  # A latency of one in a thousand wants some thousands.
  duration=$seconds
  if [[ ${load[0]} == open ]]; then duration=$(awk -v s="$seconds" 'BEGIN { print 3 * s }'); fi
}

# Adds a line of figures to the records.
record() { # CONTENDER SCENARIO PLACEMENT FILE
  # What is a setting, is about the generator, or is the rest of a sum, is no figure.
  local no_figures='requests|seconds|first|others|other_.*|system_us'
  # What computes there is the bad neighbour, for everybody as long.
  if [[ $2 == burn || $2 == block ]]; then no_figures+='|cpu_us'; fi
  printf 'contender=%s scenario=%s placement=%s ' "$1" "$2" "$3" >>"$tmp/records"
  tr ' ' '\n' <"$4" | grep -Ev "^($no_figures)=" | paste -sd ' ' - >>"$tmp/records"
}

measure() { # SERVER
  # No command substitution: in a shell of its own the server would outlive an interrupt.
  if [[ $generator == wrk ]]; then
    measure_by "$1" measure_with_wrk
  else
    measure_by "$1" generate "${load[@]}" --warmup "$warmup" --seconds "$duration"
  fi >"$tmp/line"
}

measure_with_wrk() {
  local before after line
  before=$(cpu_time)
  line=$(taskset -c "$generator_cpus" wrk -t 1 -d "$(awk -v s="$duration" 'BEGIN { print int(s + 0.999) }')s" \
    "${wrk_load[@]}" "http://$addr$path" | grep '^requests=') || return 1
  after=$(cpu_time)
  awk -v before="$before" -v after="$after" -v line="$line" -v n="$(value_of requests <<<"$line")" '
    BEGIN {
      if (n == 0) exit 1
      split(before, b); split(after, a)
      user = (a[1] - b[1]) / n; system_ = (a[2] - b[2]) / n
      printf "%s cpu_us=%.4f user_us=%.4f system_us=%.4f\n", line, user + system_, user, system_
    }'
}

# Runs COMMAND, unless the contender has failed twice there before. Once may be the machine's fault.
declare -A failures=()
attempt() { # CONTENDER SCENARIO PLACEMENT COMMAND...
  local key="$1 $2 $3"
  ((${failures[$key]:=0} < 2)) || return 1
  if ! "${@:4}"; then
    failures[$key]=$((failures[$key] + 1))
    failed=true
    say "$2, $3: $1 failed"
    return 1
  fi
}

# --- Who takes part ---------------------------------------------------------------------------------

# Sets `ready` to the contenders that can take part in something, `able` to the servers that are built.
declare -A able=()
find_servers() {
  local contender scenario server all=(floor)
  for contender in $contenders; do
    all+=("$contender")
    for scenario in $scenarios; do
      server=$(server_of "$contender" "$scenario")
      if [[ -n $server && " ${all[*]} " != *" $server "* ]]; then all+=("$server"); fi
    done
  done
  build_spin
  build_peer report || die "the program that reports does not build"
  for server in "${all[@]}"; do
    if [[ -z ${able[$server]:-} ]] && available "$server"; then able[$server]=yes; fi
  done
  ready=()
  for contender in $contenders; do
    if [[ -n ${able[$contender]:-} ]]; then ready+=("$contender"); fi
  done
  ((${#ready[@]} > 0)) || die "nobody to measure"
}

# Prints the contenders that take part in a scenario, each as `CONTENDER:SERVER`.
players() { # SCENARIO
  local contender server
  for contender in "${ready[@]}"; do
    server=$(server_of "$contender" "$1")
    if [[ -n ${able[${server:-none}]:-} ]]; then echo "$contender:$server"; fi
  done
}

# Leaves out of `ready` who does not answer as the floor does.
check_answers() {
  local contender paths checked=()
  place pinned
  [[ -n ${able[floor]:-} ]] || die "without the floor nothing can be checked"
  measure_by floor ask_for /plaintext /json /echo /burn/10 >"$tmp/floor.answers" ||
    die "the floor does not answer"
  for contender in "${ready[@]}"; do
    paths=(/plaintext /json)
    if [[ -n $(server_of "$contender" post-16k) ]]; then paths+=(/echo); fi
    if [[ -n $(server_of "$contender" burn) ]]; then paths+=(/burn/10); fi
    if ! measure_by "$contender" ask_for "${paths[@]}" >"$tmp/answers"; then
      say "$contender: left out, it does not answer"
      failed=true
    elif differences "$contender" "${paths[@]}" >"$tmp/differences"; then
      say "$contender: left out, it does not answer as the floor does:"
      cat "$tmp/differences" >&2
      failed=true
    else
      checked+=("$contender")
    fi
  done
  ready=("${checked[@]}")
  ((${#ready[@]} > 0)) || die "nobody to measure"
  say "these answer the same: ${ready[*]}"
}

ask_for() { "$spin" answers --addr "$addr" "$@"; } # PATHS...

# Prints how the answers differ from the floor's, but for what peers/differences lists; fails if they do
# not.
differences() { # CONTENDER PATHS...
  local contender=$1 pattern
  shift
  pattern=$(IFS='|'; echo "^($*) ")
  { diff <(grep -E "$pattern" "$tmp/floor.answers") "$tmp/answers" || true; } |
    awk -v name="$contender" '/^[<>]/ { print name, $0 }' |
    grep -vxFf "$root/benches/peers/differences"
}

# --- The plan -------------------------------------------------------------------------------------

# Says how many measurements there will be and how long they take.
plan() {
  local placement scenario players
  for scenario in $scenarios; do
    players=$(players "$scenario" | wc -l)
    if [[ $scenario == idle ]]; then
      awk -v n="$players" -v settle="$settle" 'BEGIN { print n, 3 * settle + 1.5 }'
      continue
    fi
    prepare "$scenario"
    for placement in $placements; do
      echo "$((players * rounds)) $(awk -v s="$duration" -v w="$warmup" -v opening="$opening" \
        'BEGIN { print s + w + 0.35 + opening / 6000 }')"
    done
    if $count && [[ ${load[0]} != open ]]; then
      echo "$players $((1 + (2 * opening + requests) / 10000))"
    fi
  done | awk '
    { seconds += $1 * $2; n += $1 }
    END { printf "%d measurements take about %d minutes", n, int(seconds / 60 + 1) }'
}

# All contenders once, in a scenario.
run_scenario() { # SCENARIO PLACEMENT ROUND
  local player
  prepare "$1"
  if [[ $generator == wrk && ${#wrk_load[@]} == 0 ]]; then
    say "$1: skipped, not for wrk"
    return
  fi
  say "round $3 of $rounds, $2: $1"
  for player in $(players "$1"); do
    if attempt "${player%:*}" "$1" "$2" measure "${player#*:}"; then
      record "${player%:*}" "$1" "$2" "$tmp/line"
    fi
  done
}

run_rounds() {
  local round placement scenario
  for ((round = 1; round <= rounds; round++)); do
    for placement in $placements; do
      place "$placement"
      for scenario in $scenarios; do
        if ((SECONDS > minutes * 60)); then
          say "$minutes minutes are over: what is left of round $round is left out"
          return
        fi
        if [[ $scenario != idle ]]; then run_scenario "$scenario" "$placement" "$round"; fi
      done
    done
  done
}

# System calls for each request, in the first placement.
count_all_calls() {
  local scenario player placement=${placements%% *}
  place "$placement"
  for scenario in $scenarios; do
    if [[ $scenario == idle ]]; then continue; fi
    prepare "$scenario"
    # An open loop has a time, no number of requests.
    if [[ ${load[0]} == open ]]; then continue; fi
    say "counting system calls: $scenario"
    for player in $(players "$scenario"); do
      if attempt "${player%:*}" "$scenario" calls calls_of "${player#*:}"; then
        record "${player%:*}" "$scenario" "$placement" "$tmp/line"
      fi
    done
  done
}

calls_of() { # SERVER
  local opened=0
  if ((opening > 0)); then
    # What opens the connections is taken off: a run with hardly anything more than that.
    count_calls "$1" 1 "${load[@]}" >"$tmp/calls" || return 1
    opened=$(value_of calls <"$tmp/calls")
  fi
  count_calls "$1" "$requests" "${load[@]}" >"$tmp/calls" || return 1
  awk -v all="$(value_of calls <"$tmp/calls")" -v opened="$opened" -v n="$requests" \
    'BEGIN { printf "calls=%.4f\n", (all - opened) / n }' >"$tmp/line"
}

measure_memory() {
  local contender
  place pinned
  if ! descriptors_for "$idle_connections"; then
    say "idle: skipped, $(ulimit -n) descriptors are not enough for $idle_connections connections"
    return
  fi
  for contender in "${ready[@]}"; do
    say "memory of $idle_connections idle connections: $contender"
    if attempt "$contender" idle pinned memory_of "$contender"; then
      record "$contender" idle pinned "$tmp/line"
    fi
  done
}

memory_of() { measure_idle "$1" "$idle_connections" >"$tmp/line"; }

main() {
  # Before our own doings.
  read -r busy _ </proc/loadavg
  parse_arguments "$@"
  check_tools
  if [[ $generator == wrk ]]; then command -v wrk >/dev/null || die "wrk is not here"; fi
  if $count && ! strace_works; then
    say "system calls are not counted: strace is not here or may not trace"
    count=false
  fi
  find_servers
  check_answers
  if $only_check; then
    if $failed; then exit 1; fi
    return
  fi
  say "built and checked after $SECONDS s; $(plan)"
  if awk -v busy="$busy" 'BEGIN { exit busy < 1 }'; then
    say "the machine was busy with other things before (load average $busy): that will show in every figure"
  fi
  : >"$tmp/records"
  # These first: the rounds end by the clock.
  if [[ " $scenarios " == *" idle "* ]]; then measure_memory; fi
  if $count && [[ $generator == spin ]]; then count_all_calls; fi
  run_rounds
  write_results
  if $failed; then die "some measurements failed, see above"; fi
}

write_results() {
  mkdir -p "$(dirname "$prefix")"
  {
    provenance_lines
    echo "placement pinned=server on CPU 0, generator on CPU 1"
    echo "placement both=server and generator on CPUs 0 and 1"
    echo "rounds=$rounds of $seconds s (burn: three times that) after $warmup s, all contenders in turns"
    echo "generator=$generator"
    echo "load average before=$busy"
  } >"$tmp/about"
  "$peers_target/release/report" --records "$tmp/records" --about "$tmp/about" --out "$prefix"
  cat "$prefix.md"
  printf '\nWritten after %d s: %s.md, .svg, .json\n' "$SECONDS" "${prefix#"$PWD"/}"
}

main "$@"
