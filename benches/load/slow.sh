#!/usr/bin/env bash
# Slow clients, and what a normal one notices of them: slowhttptest in its four modes against the example
# hello_http.
#
#   benches/load/slow.sh
#   benches/load/slow.sh --connections 4000 --seconds 40
#
# | mode | each connection | which limit ends it |
# |---|---|---|
# | headers | sends a header line every 4 s and never the last | head_timeout, 10 s |
# | body | sends a few bytes of a long body every 4 s | body_rate, 240 bytes/s over 5 s |
# | range | asks for thousands of overlapping ranges of a file | none: it is answered |
# | read | asks for a file of 4 MB and takes 32 bytes every 5 s | write_timeout or write_rate, 30 s without 240 bytes/s |
#
# Columns: connections that were made; those that the server had closed when the test ended; those still
# connected; whether slowhttptest's own probe was always answered within 3 s; p50 and p99 of a normal
# client beside it (500 requests/s on 16 connections) and its failures. The first row is without slow
# clients. Needed: slowhttptest (Debian).

# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

connections=1000
seconds=25

parse_arguments() {
  while (($# > 0)); do
    case $1 in
      --connections) connections=$2; shift ;;
      --seconds) seconds=$2; shift ;;
      *) say 'usage: slow.sh [--connections N] [--seconds S]'; exit 2 ;;
    esac
    shift
  done
}

# The normal client, for as long as the test takes.
normal() {
  "$spin" open --addr "$addr" --rate 500 --connections 16 --seconds "$seconds" --warmup 0.5
}

print_row() { # NAME
  awk -v name="$1" -F, '
    FILENAME ~ /csv$/ {
      if (FNR > 1 && NF >= 5) {
        closed = $2; pending = $3; connected = $4
        if (connected > most) most = connected
        if (closed + pending + connected > made) made = closed + pending + connected
        if ($5 == 0) missed++
      }
      next
    }
    { n = split($0, pairs, " "); for (i = 1; i <= n; i++) { split(pairs[i], p, "="); f[p[1]] = p[2] } }
    END {
      available = made == "" ? "-" : missed ? "no, " missed " s" : "yes"
      printf "%-10s %10s %8s %10s %10s %10s %10s\n", name, made + 0, closed + 0, connected + 0,
        available, f["p50_us"], f["p99_us"]
    }' "$tmp/slow.csv" "$tmp/normal"
}

measure() { # NAME OPTIONS...
  local name=$1 beside
  shift
  : >"$tmp/slow.csv"
  normal >"$tmp/normal" &
  beside=$!
  others+=("$beside")
  if (($# > 0)); then
    # It wants its own colours and a terminal's width: only the table is of use here.
    (cd "$tmp" && slowhttptest -c "$connections" -r "$((connections / 5))" -l "$seconds" -p 3 -v 1 \
      -g -o slow "$@") >"$tmp/slow.log" 2>&1 || true
  fi
  wait "$beside" || { say "$name: the normal client failed"; failed=1; }
  print_row "$name"
  kill -0 "$pid" 2>/dev/null || die "the server has ended"
}

main() {
  check_tools
  parse_arguments "$@"
  command -v slowhttptest >/dev/null || die "slowhttptest is needed"
  build_spin
  available ringspun || die "no server"
  server_cpus=0-$(($(nproc) - 1))
  failed=0
  mkdir "$tmp/files"
  head -c 4000000 /dev/zero >"$tmp/files/large"
  command_of ringspun
  argv+=(--files "$tmp/files")
  start_server
  printf '%d slow connections, %d s each\n' "$connections" "$seconds"
  printf '%-10s %10s %8s %10s %10s %10s %10s\n' mode made closed connected available p50_us p99_us
  measure none
  measure headers -H -i 4 -x 24 -u "http://$addr/plaintext"
  measure body -B -i 4 -x 10 -s 100000 -u "http://$addr/echo"
  measure range -R -a 1 -b 3000 -t GET -u "http://$addr/files/large"
  measure read -X -w 16 -y 64 -n 5 -z 32 -u "http://$addr/files/large"
  stop_server
  exit "$failed"
}

main "$@"
