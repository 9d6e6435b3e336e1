#!/usr/bin/env bash
# Readers that do not read, and a server that has 256 MiB (B1 of the reliability list): it must not be killed,
# and a connection must not cost more than is declared.
#
#   benches/load/bounds.sh
#   benches/load/bounds.sh --memory 512 --connections 10000 --pipelined 15000
#
# | mode | each connection | what the server may hold of it |
# |---|---|---|
# | file | asks for 4 MB of a file and reads nothing | next to nothing: what is sent lies in the page cache |
# | pipelined | sends 10,000 requests and reads nothing | a buffer of requests (16 KiB) and of answers (16 KiB, and the last) |
#
# The server runs in a memory cgroup of its own (version 1, as root). Without one its address space is limited
# instead (prlimit --as), to as much above what it has at the start; the line says so. Columns: connections; the
# server's resident set before and with them; bytes of it for each; how often the cgroup was at its limit, and
# had the server killed; whether a normal request was answered meanwhile. Needed: python3, curl.

# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

memory=256
connections=10000
pipelined=7500
group=

parse_arguments() {
  while (($# > 0)); do
    case $1 in
      --memory) memory=$2; shift ;;
      --connections) connections=$2; shift ;;
      --pipelined) pipelined=$2; shift ;;
      *) say 'usage: bounds.sh [--memory MIB] [--connections N] [--pipelined N]'; exit 2 ;;
    esac
    shift
  done
}

make_group() {
  local path=/sys/fs/cgroup/memory/ringspun-bounds-$$
  mkdir "$path" 2>/dev/null || return 1
  group=$path
  echo "$((memory << 20))" >"$group/memory.limit_in_bytes"
}

end_group() {
  if [[ -n $group ]]; then rmdir "$group" 2>/dev/null || true; fi
}

resident() { awk '/^VmRSS:/ { print $2 }' "/proc/$pid/status" 2>/dev/null || echo 0; }

bound_server() {
  if [[ -n $group ]]; then
    echo "$pid" >"$group/cgroup.procs"
  else
    local size
    size=$(awk '/^VmSize:/ { print $2 * 1024 }' "/proc/$pid/status")
    prlimit --pid "$pid" --as="$((size + (memory << 20)))"
  fi
}

run_mode() { # MODE CONNECTIONS
  local way=$1 count=$2 before with answered=yes limit=- killed=no
  start_server || return 1
  bound_server
  before=$(resident)
  : >"$tmp/ready"
  python3 "$here/clients/slow_readers.py" "$addr" "$count" "$way" 25 >"$tmp/ready" 2>"$tmp/clients.err" &
  holder=$!
  until [[ -s $tmp/ready ]]; do
    sleep 0.2
    if ! kill -0 "$holder" 2>/dev/null || ! kill -0 "$pid" 2>/dev/null; then break; fi
  done
  curl -sS --max-time 10 --fail -o /dev/null "http://$addr/plaintext" 2>/dev/null || answered=no
  with=$(resident)
  kill -0 "$pid" 2>/dev/null || killed=yes
  if [[ -n $group ]]; then limit=$(<"$group/memory.failcnt"); fi
  awk -v mode="$way" -v count="$count" -v before="$before" -v with="$with" -v limit="$limit" \
    -v killed="$killed" -v answered="$answered" 'BEGIN {
      printf "%-10s %11d %9.1f %9.1f %13.0f %9s %7s %9s\n", mode, count, before / 1024, with / 1024,
        (with - before) * 1024 / count, limit, killed, answered }'
  let_go
  stop_server
  [[ $killed == no && $answered == yes ]]
}

main() {
  parse_arguments "$@"
  check_tools
  command -v python3 >/dev/null || die 'python3 is needed'
  command -v curl >/dev/null || die 'curl is needed'
  server_cpus=0-$(($(nproc) - 1))
  available ringspun || die "no server"
  trap 'clean_up; end_group' EXIT
  if make_group; then
    say "the server has $memory MiB, in a memory cgroup"
  else
    say "no memory cgroup can be made here: the server's address space is limited instead"
  fi
  mkdir "$tmp/files"
  head -c 4000000 /dev/zero >"$tmp/files/large"
  command_of ringspun
  argv+=(--files "$tmp/files")
  printf '%-10s %11s %9s %9s %13s %9s %7s %9s\n' mode connections 'MiB' 'with' 'bytes/each' 'at limit' \
    killed answered
  local result=0
  run_mode file "$connections" || result=1
  run_mode pipelined "$pipelined" || result=1
  return $result
}

main "$@"
