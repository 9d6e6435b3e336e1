# Shared by the scripts of this folder: contenders, servers, figures from /proc. Bash and awk only.
# shellcheck shell=bash

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
out=$here/out
# Where cargo builds to, whatever CARGO_TARGET_DIR says.
target=${RINGSPUN_TARGET_DIR:-$root/target}
peers_target=${PEERS_TARGET_DIR:-$root/benches/peers/target}
spin=$peers_target/release/spin

server_cpus=0
generator_cpus=1
cores=1

# Seconds in which a server comes to rest before its memory is read.
settle=1

pid=     # the running server
addr=    # and where it listens
holder=  # a generator that keeps connections open
servers=() # more servers, of scripts that need several
others=()  # what else was started
tmp=$(mktemp -d)

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# Nothing outlives the script, however it ends.
clean_up() {
  local process
  if [[ -n $pid ]]; then kill_server; fi
  for process in "$holder" "${servers[@]}"; do
    if [[ -n $process ]]; then
      kill -KILL "$process" 2>/dev/null || true
      wait "$process" 2>/dev/null || true
    fi
  done
  # TERM: proxies have processes of their own to end.
  for process in "${others[@]}"; do
    kill -TERM "$process" 2>/dev/null || true
    wait "$process" 2>/dev/null || true
  done
  rm -rf "$tmp"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

check_tools() {
  local tool
  for tool in awk taskset cargo; do
    command -v "$tool" >/dev/null || die "$tool is needed"
  done
  if (($(nproc) < 2)); then
    say "one CPU only: the generator runs on the server's, the figures are not worth much"
    generator_cpus=$server_cpus
  fi
  # Every connection is a descriptor.
  ulimit -n "$(ulimit -Hn)" || say "the limit of descriptors stays at $(ulimit -n)"
}

strace_works() {
  command -v strace >/dev/null && strace -c -o /dev/null true 2>/dev/null
}

# --- Contenders -----------------------------------------------------------------------------------

cargo_build() { # DIRECTORY TARGET_DIRECTORY ARGUMENTS...
  local directory=$1 target_directory=$2
  shift 2
  (cd "$directory" && cargo build --release --quiet --target-dir "$target_directory" "$@") >&2
}

# A package of the workspace of the contenders, by itself: together, they would share the features of the
# crates they share, and be built anew whenever others are chosen.
declare -A built=()
build_peer() { # PACKAGE
  if [[ -n ${built[$1]:-} ]]; then return; fi
  say "building $1"
  cargo_build "$root/benches/peers" "$peers_target" --locked -p "$1" || return 1
  built[$1]=yes
}

build_spin() { build_peer spin@0.0.0 || die "the generator does not build"; }

# The package of a contender in the workspace of the contenders; none of those that are elsewhere.
package_of() { # CONTENDER
  case $1 in
    hyper | hyper-ct) echo peer-hyper ;;
    tokio-echo | tokio-echo-ct) echo peer-tokio-echo ;;
    floor | floor-echo) echo peer-floor ;;
    monoio | monoio-echo) echo peer-monoio ;;
    actix | axum | compio | may | nginx | ntex | smol) echo "peer-$1" ;;
  esac
}

build_go() { # PACKAGE PROGRAM
  command -v go >/dev/null || { say "go: skipped, no Go here"; return 1; }
  (cd "$root/benches/peers/go" && go build -o "$peers_target/release/$2" "$1") >&2 ||
    { say "go: skipped, $2 does not build"; return 1; }
}

# hyper on a tokio with its unstable parts: other flags of the compiler, so another folder.
build_eager() {
  say "building peer-hyper for hyper-eager"
  RUSTFLAGS="${RUSTFLAGS:-} --cfg tokio_unstable" \
    cargo_build "$root/benches/peers" "$peers_target/eager" --locked -p peer-hyper
}

# Debian has it where only root looks.
find_nginx() { PATH=$PATH:/usr/sbin command -v nginx; }

# Whether a contender can take part; builds it if that is not done yet.
available() { # CONTENDER
  local package
  case $1 in
    go | go-echo) build_go . peer-go ;;
    hyper-eager) build_eager || { say "hyper-eager: skipped, it does not build"; return 1; } ;;
    ringspun)
      say "building ringspun's example hello_http"
      cargo_build "$root" "$target" --package ringspun --example hello_http ||
        { say "ringspun: skipped, its example hello_http does not build"; return 1; }
      ;;
    ringspun-echo)
      cargo_build "$root" "$target" --package ringspun --example echo ||
        { say "ringspun-echo: skipped, its example echo does not build"; return 1; }
      ;;
    *)
      package=$(package_of "$1")
      [[ -n $package ]] || die "$1: no such contender"
      if [[ $1 == nginx ]] && ! find_nginx >/dev/null; then
        say "nginx: skipped, not installed"
        return 1
      fi
      build_peer "$package" || { say "$1: skipped, $package does not build"; return 1; }
      ;;
  esac
}

# Sets `ready` to those of the contenders that can take part; there must be one.
find_ready() { # "CONTENDER..."
  local contender
  ready=()
  build_spin
  for contender in $1; do
    if available "$contender"; then ready+=("$contender"); fi
  done
  ((${#ready[@]} > 0)) || die "nobody to measure"
}

# Sets `argv` to the command of a contender's server.
command_of() { # CONTENDER
  local bin=$peers_target/release
  local cores_option=(--addr 127.0.0.1:0 --cores "$cores")
  local threads_option=(--addr 127.0.0.1:0 --threads "$cores")
  case $1 in
    floor) argv=("$bin/peer-floor" "${cores_option[@]}") ;;
    floor-echo) argv=("$bin/peer-floor" "${cores_option[@]}" --echo) ;;
    hyper) argv=("$bin/peer-hyper" "${cores_option[@]}") ;;
    hyper-ct) argv=("$bin/peer-hyper" "${threads_option[@]}") ;;
    hyper-eager) argv=("$peers_target/eager/release/peer-hyper" "${cores_option[@]}" --eager) ;;
    actix | axum | compio | may | monoio | nginx | ntex | smol)
      argv=("$bin/peer-$1" "${cores_option[@]}")
      ;;
    monoio-echo) argv=("$bin/peer-monoio" "${cores_option[@]}" --echo) ;;
    tokio-echo) argv=("$bin/peer-tokio-echo" "${cores_option[@]}") ;;
    tokio-echo-ct) argv=("$bin/peer-tokio-echo" "${threads_option[@]}") ;;
    go) argv=("$bin/peer-go" "${cores_option[@]}") ;;
    go-echo) argv=("$bin/peer-go" "${cores_option[@]}" --echo) ;;
    ringspun) argv=("$target/release/examples/hello_http" "${cores_option[@]}" --metrics) ;;
    ringspun-echo) argv=("$target/release/examples/echo" "${cores_option[@]}" --metrics) ;;
    *) die "$1: no such contender" ;;
  esac
}

# --- Servers --------------------------------------------------------------------------------------

# Starts `argv` on the server's CPUs, after the words of PREFIX, and waits until it listens.
# Sets `pid` and `addr`.
start_server() { # PREFIX...
  : >"$tmp/server.out"
  # Whatever a server leaves in the folder of temporary files goes with ours.
  TMPDIR=$tmp taskset -c "$server_cpus" "$@" "${argv[@]}" >"$tmp/server.out" 2>"$tmp/server.err" &
  pid=$!
  addr=
  local deadline=$((SECONDS + 20))
  while [[ -z $addr ]]; do
    sleep 0.05
    addr=$(awk 'NR == 1 && /^listening on / { print $3 }' "$tmp/server.out")
    if ! kill -0 "$pid" 2>/dev/null || ((SECONDS > deadline)); then
      cat "$tmp/server.err" >&2
      stop_server
      say "${argv[0]} does not listen"
      return 1
    fi
  done
}

# The server and its children, of one that forks.
family() {
  local children=
  # Not every kernel tells.
  read -r children <"/proc/$pid/task/$pid/children" || true
  echo "$pid $children"
} 2>/dev/null

# KILL: nothing that happens at an orderly end is to be measured.
kill_server() {
  # shellcheck disable=SC2046
  kill -KILL $(family) 2>/dev/null || true
  # Waiting for it keeps the shell from saying that it was killed.
  wait "$pid" 2>/dev/null || true
}

stop_server() {
  kill_server
  pid=
}

# Runs the generator against the server that runs; its mode, if it has one, comes first.
generate() { # [MODE] ARGUMENTS...
  local mode=()
  if [[ $1 != --* ]]; then mode=("$1"); shift; fi
  taskset -c "$generator_cpus" "$spin" "${mode[@]}" --addr "$addr" --pid "$pid" "$@"
}

# One measurement with a fresh server: runs COMMAND against it.
measure_by() { # CONTENDER COMMAND ARGUMENTS...
  command_of "$1"
  start_server || return 1
  local result=0
  "${@:2}" || result=1
  stop_server
  return $result
}

# Every contender by `measure`, then all of them again, `rounds` times: a change of the machine's mood
# meets all. Lines of figures go to $tmp/CONTENDER.rounds; who fails is left out from then on.
measure_in_turns() { # SCENARIO CONTENDERS...
  local scenario=$1 round contender
  shift
  for ((round = 1; round <= rounds; round++)); do
    for contender in "$@"; do
      [[ -e $tmp/$contender.failed ]] && continue
      say "$scenario, round $round of $rounds: $contender"
      measure "$contender" >>"$tmp/$contender.rounds" || touch "$tmp/$contender.failed"
    done
  done
}

# Runs the generator as `holder` until it says its line, which goes to $tmp/held.
hold_connections() { # ARGUMENTS...
  : >"$tmp/held"
  # Not by `generate`: a function in the background is a shell of its own, and that would be killed.
  taskset -c "$generator_cpus" "$spin" --addr "$addr" "$@" >"$tmp/held" &
  holder=$!
  until [[ -s $tmp/held ]]; do
    sleep 0.05
    if ! kill -0 "$holder" 2>/dev/null; then
      holder=
      return 1
    fi
  done
}

let_go() {
  if [[ -n $holder ]]; then
    kill -KILL "$holder" 2>/dev/null || true
    wait "$holder" 2>/dev/null || true
    holder=
  fi
}

# Runs REQUESTS requests against a contender under strace and prints
# `calls=N epoll_ctl=N eagain=N`: all system calls of the server since its start, those of epoll_ctl, and
# reads that found nothing.
count_calls() { # CONTENDER REQUESTS ARGUMENTS...
  local contender=$1 requests=$2
  shift 2
  command_of "$contender"
  rm -f "$tmp/strace"
  # -D: the server stays the process we started, and strace steps aside.
  start_server strace -D -f -c -qq -o "$tmp/strace" || return 1
  # The connections stay open until the server is gone, so that none of their ends is counted.
  local result=0
  hold_connections --requests "$requests" "$@" --stay || result=1
  stop_server
  let_go
  if ((result)); then return 1; fi
  local deadline=$((SECONDS + 10))
  until [[ -s $tmp/strace ]]; do
    sleep 0.05
    if ((SECONDS > deadline)); then
      say "strace left no summary"
      return 1
    fi
  done
  # % time, seconds, usecs/call, calls, errors if there are any, name
  awk '
    $NF == "total" { calls = $4 }
    $NF == "epoll_ctl" { ctl = $4 }
    $NF ~ /^(read|readv|recvfrom|recvmsg)$/ && NF == 6 { eagain += $5 }
    END { printf "calls=%d epoll_ctl=%d eagain=%d\n", calls, ctl, eagain }
  ' "$tmp/strace"
}

# A port of 127.0.0.1 that nobody listened on a moment ago.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 10000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      echo "$port"
      return
    fi
  done
}

# Waits until somebody listens there.
wait_for_port() { # PORT
  local deadline=$((SECONDS + 10))
  until (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do
    sleep 0.05
    ((SECONDS <= deadline)) || { say "nobody listens on port $1"; return 1; }
  done
}

# Starts nginx in front of the servers; sets `proxy_port`.
start_nginx() { # ADDRESS...
  local nginx address upstreams=
  nginx=$(find_nginx) || return 1
  proxy_port=$(free_port)
  for address in "$@"; do upstreams+="server $address; "; done
  sed "s,@DIRECTORY,$tmp,; s,@PORT,$proxy_port,; s,@UPSTREAMS,$upstreams," \
    "$here/clients/nginx.conf" >"$tmp/nginx.conf"
  "$nginx" -p "$tmp" -e stderr -c "$tmp/nginx.conf" 2>>"$tmp/nginx.err" &
  others+=($!)
  wait_for_port "$proxy_port"
}

# --- Figures --------------------------------------------------------------------------------------

# The value of KEY in a line of `key=value` pairs on standard input.
value_of() { # KEY
  awk -v key="$1" '{ for (i = 1; i <= NF; i++) if (index($i, key "=") == 1) print substr($i, length(key) + 2) }'
}

# For awk: sorts list[1..n] and gives its median, the lower one of two.
# shellcheck disable=SC2034
awk_median='
  function median(list, n,   i, j, t) {
    for (i = 2; i <= n; i++)
      for (j = i; j > 1 && list[j - 1] > list[j]; j--) {
        t = list[j]; list[j] = list[j - 1]; list[j - 1] = t
      }
    return list[int((n + 1) / 2)]
  }'

# User and system time of the server in microseconds, as `user system`.
cpu_time() {
  local process
  for process in $(family); do
    # The name in parentheses may hold spaces: count from its end. A tick is 10 ms to every program.
    sed 's/.*) //' "/proc/$process/stat"
  done | awk '{ user += $12; system_ += $13 } END { print user * 10000, system_ * 10000 }'
}

# Memory of the server in bytes. smaps_rollup is exact; status may lag by some pages per thread.
resident() {
  local process
  for process in $(family); do
    if [[ -r /proc/$process/smaps_rollup ]]; then
      awk '$1 == "Rss:"' "/proc/$process/smaps_rollup"
    else
      awk '$1 == "VmRSS:"' "/proc/$process/status"
    fi
  done | awk '{ sum += $2 } END { print sum * 1024 }'
}

# Context switches of all threads of the server since their start.
switches() {
  awk '/_ctxt_switches:/ { n += $2 } END { print n }' /proc/"$pid"/task/*/status
}

# Context switches per second over the next SECONDS.
switch_rate() { # SECONDS
  local before after
  before=$(switches)
  sleep "$1"
  after=$(switches)
  awk -v n=$((after - before)) -v s="$1" 'BEGIN { printf "%.1f", n / s }'
}

# What a contender's server costs while nothing happens. Prints `bytes=N`, the growth of its memory over so
# many connections, each after one request, divided by their number; and with SECONDS also
# `fresh=N held=N`, context switches per second when it has just started and while it holds them.
measure_idle() { # CONTENDER CONNECTIONS [SECONDS]
  local fresh before after held connections=$2
  command_of "$1"
  start_server || return 1
  # For threads to start.
  sleep "$settle"
  if (($# > 2)); then fresh=$(switch_rate "$3"); fi
  # What is allocated once, not per connection: code, pools, the tables of a busy server.
  generate --requests 20000 --connections 64 >/dev/null || { stop_server; return 1; }
  sleep "$settle"
  before=$(resident)
  if ! hold_connections --connections "$connections" --hold ||
    [[ $(value_of held <"$tmp/held") != "$connections" ]]; then
    let_go
    stop_server
    return 1
  fi
  sleep "$settle"
  after=$(resident)
  if (($# > 2)); then held=$(switch_rate "$3"); fi
  let_go
  stop_server
  printf '%sbytes=%d\n' "${3:+fresh=$fresh held=$held }" $(((after - before) / connections))
}

# Whether there are descriptors for so many connections.
descriptors_for() { # CONNECTIONS
  (($(ulimit -n) > $1 + 100))
}

# Where results come from, as lines of `key=value`.
provenance_lines() {
  local cpu commit
  cpu=$(awk -F': ' '/^model name/ { print $2; exit }' /proc/cpuinfo)
  commit=$(git -C "$root" describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)
  echo "date=$(date -u +%Y-%m-%dT%H:%M:%SZ)"
  echo "machine=${cpu//\"/}, $(nproc) CPUs, Linux $(uname -r)"
  echo "commit=$commit"
  echo "versions=$(versions)"
}

# The same as members of a JSON object.
provenance() {
  provenance_lines | sed 's/\([a-z]*\)=\(.*\)/  "\1": "\2",/'
}

# What is measured, as `NAME VERSION, ...`: the crates the contenders stand on, and what is installed.
versions() {
  local go_version=none nginx_version=none nginx
  # The one that built the program, which need not be the one that is found now.
  if [[ -x $peers_target/release/peer-go ]] && command -v go >/dev/null; then
    go_version=$(go version "$peers_target/release/peer-go" 2>/dev/null | sed 's/.*: *go//') || go_version=none
  fi
  if nginx=$(find_nginx); then nginx_version=$("$nginx" -v 2>&1 | sed 's,.*/,,'); fi
  awk -v go="$go_version" -v nginx="$nginx_version" -v rustc="$(rustc --version | awk '{ print $2 }')" '
    $1 == "name" { gsub(/"/, "", $3); name = $3 }
    $1 == "version" && name ~ /^(actix-web|axum|compio|cyper-core|hyper|may|may_minihttp|monoio|ntex|smol|tokio)$/ {
      gsub(/"/, "", $3)
      printf "%s %s, ", name, $3
    }
    END { printf "Go %s, nginx %s, rustc %s\n", go, nginx, rustc }
  ' "$root/benches/peers/Cargo.lock"
}
