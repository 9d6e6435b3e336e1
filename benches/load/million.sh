#!/usr/bin/env bash
# Very many idle connections: what one costs in the server and in the kernel, and which limit comes first.
#
#   benches/load/million.sh                    # 100,000
#   benches/load/million.sh --connections 1000000 --patience 400
#
# Each connection makes one request and is then held. A process has no more descriptors than its hard
# limit (ulimit -Hn), so there are as many servers as are needed, sharing one port (SO_REUSEPORT: the
# kernel spreads the connections over them), and as many clients, each to an address 127.0.0.x of its
# own, because there are only some 28,000 local ports for each address.
#
# Printed: user memory of all servers per connection, as growth of the resident set and of its anonymous
# part (heap, stacks, pages that were written); kernel memory per pair of sockets, as growth of
# the kernel's slabs and of the pages that TCP counts for buffers (/proc/net/sockstat); latencies of
# requests on 1 % more connections meanwhile (slabs that an earlier run has left are used again, and do not
# count: let some minutes pass between two); and how much memory is left when all are closed.
# Where not all connections could be made: which limit it may be.

# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

connections=100000
patience=300

parse_arguments() {
  while (($# > 0)); do
    case $1 in
      --connections) connections=$2; shift ;;
      --patience) patience=$2; shift ;;
      *) say 'usage: million.sh [--connections N] [--patience SECONDS]'; exit 2 ;;
    esac
    shift
  done
  [[ $connections =~ ^[1-9][0-9]*$ ]] || die "--connections is a count"
}

# The sum of a field of smaps_rollup over the servers, in bytes.
memory() { # FIELD
  local server
  for server in "${servers[@]}"; do cat "/proc/$server/smaps_rollup"; done |
    awk -v field="$1:" '$1 == field { sum += $2 } END { printf "%d\n", sum * 1024 }'
}

# The kernel's slabs in bytes.
slabs() { awk '$1 == "Slab:" { printf "%d\n", $2 * 1024 }' /proc/meminfo; }

# Pages that TCP counts for buffers.
tcp_pages() { awk '$1 == "TCP:" { print $11 }' /proc/net/sockstat; }

# Descriptors of the servers: those that the clients hold, and few others.
descriptors() {
  local server
  for server in "${servers[@]}"; do ls "/proc/$server/fd"; done | wc -l
}

snapshot() {
  echo "rss=$(memory Rss) anonymous=$(memory Anonymous) slabs=$(slabs) pages=$(tcp_pages)"
}

start_servers() {
  local index
  port=$(free_port)
  for ((index = 0; index < count; index++)); do
    : >"$tmp/server.$index"
    "$target/release/examples/hello_http" --addr "0.0.0.0:$port" --cores 1 --announce 0 --share-port --idle 86400 \
      >"$tmp/server.$index" 2>&1 &
    servers+=($!)
    until grep -q '^listening on' "$tmp/server.$index"; do
      kill -0 "${servers[index]}" 2>/dev/null || { cat "$tmp/server.$index" >&2; die "no server"; }
      sleep 0.05
    done
  done
}

# Holds the connections; sets `held` to how many there are. One client after another, because each
# spins until its connections are made.
connect_all() {
  local index left=$connections size deadline=$((SECONDS + patience))
  for ((index = 0; left > 0 && SECONDS < deadline; index++)); do
    size=$((left < share ? left : share))
    left=$((left - size))
    : >"$tmp/held.$index"
    "$spin" --addr "127.0.0.$((index + 2)):$port" --connections "$size" --hold \
      >"$tmp/held.$index" 2>"$tmp/client.$index" &
    others+=($!)
    # It says its line when it is done, or ends with an error.
    until [[ -s $tmp/held.$index ]] || ! kill -0 "${others[-1]}" 2>/dev/null; do
      sleep 0.1
      ((SECONDS < deadline)) || break
    done
    [[ -s $tmp/held.$index ]] || break
  done
  ((SECONDS < deadline)) || say "the patience of $patience s was at its end: --patience"
  held=$(cat "$tmp"/held.* | awk -F= '$1 == "held" { sum += $2 } END { print sum + 0 }')
}

disconnect_all() {
  local process
  for process in "${others[@]}"; do
    kill -KILL "$process" 2>/dev/null || true
    wait "$process" 2>/dev/null || true
  done
  others=()
}

name_limits() {
  say "only $held of $connections connections. What the clients and servers said:"
  cat "$tmp"/client.* "$tmp"/server.* | sed '/^listening/d' | sort | uniq -c | sort -rn | sed 5q >&2
  say "descriptors per process: $(ulimit -Hn); files of the system: $(cat /proc/sys/fs/file-max)"
  say "local ports: $(tr '\t' - </proc/sys/net/ipv4/ip_local_port_range) for each of 127.0.0.x"
  say "TCP's buffers: $(tcp_pages) pages of at most $(awk '{ print $3 }' /proc/sys/net/ipv4/tcp_mem) (tcp_mem)"
  say "memory: $(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo) MiB available"
}

report() {
  awk -v held="$held" -v count="$count" -v page="$(getconf PAGESIZE)" '
    { for (i = 1; i <= NF; i++) { split($i, pair, "="); f[NR, pair[1]] = pair[2] } }
    function per(key) { return (f[2, key] - f[1, key]) / held }
    END {
      printf "%d idle connections in %d server processes\n", held, count
      printf "%8.0f bytes of user memory per connection (resident)\n", per("rss")
      printf "%8.0f bytes of it anonymous\n", per("anonymous")
      printf "%8.0f bytes of kernel slabs per pair of sockets\n", per("slabs")
      printf "%8.1f bytes of TCP buffers per pair\n", per("pages") * page
      printf "%8.1f MiB resident before, %.1f with them, %.1f when they were closed\n",
        f[1, "rss"] / 2^20, f[2, "rss"] / 2^20, f[3, "rss"] / 2^20
    }' "$tmp/snapshots"
}

main() {
  check_tools
  parse_arguments "$@"
  # Room for what else a process has open, and for an uneven spread over the servers.
  share=$(($(ulimit -n) - 1000))
  count=$(((connections + share * 3 / 4 - 1) / (share * 3 / 4)))
  build_spin
  available ringspun || die "no server"
  start_servers
  # What is allocated once, not per connection.
  "$spin" --addr "127.0.0.1:$port" --requests 20000 --connections $((64 * count)) >/dev/null
  sleep 1
  snapshot >"$tmp/snapshots"
  connect_all
  sleep 1
  snapshot >>"$tmp/snapshots"
  (($(descriptors) >= held)) || die "the servers have only $(descriptors) of $held connections"
  "$spin" open --addr "127.0.0.1:$port" --rate 1000 --connections $((held / 100 + 1)) --seconds 5 \
    >"$tmp/meanwhile" || say "requests meanwhile failed"
  ((held == connections)) || name_limits
  disconnect_all
  sleep 3
  snapshot >>"$tmp/snapshots"
  report
  printf 'meanwhile, on %d others: %s\n' $((held / 100 + 1)) "$(cat "$tmp/meanwhile")"
}

main "$@"
