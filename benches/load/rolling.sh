#!/usr/bin/env bash
# Rolling restarts: how many requests fail while three servers behind a proxy are restarted one after
# another, three times each?
#
#   benches/load/rolling.sh
#   benches/load/rolling.sh --announce 2 --rolls 3 --connections 16
#
# The servers are hello_http; SIGTERM, wait for the end, start again, wait for /ready. The proxies are
# HAProxy (active health check of /ready every 200 ms, retries 0) and nginx (kept connections to the
# servers, and its defaults: a connection of HTTP/1.0 for each request; both try another server where
# nothing was sent yet). The load is h2load --h1, GET and POST, for as long as the rolling takes.
# nginx learns of a server's absence from a refused connection, and leaves it alone for 10 s then
# (fail_timeout): behind it the next server is restarted no sooner, or none would be left.
# The control kills with -9 in place of SIGTERM, without a chance to say anything: it must fail some.
# Needed: h2load, haproxy, nginx (Debian: nghttp2-client haproxy nginx-light).

# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

announce=2
rolls=3
connections=16
proxies="haproxy nginx"
instances=3
# Seconds until the proxy sends requests to a server that was started.
pause=1

parse_arguments() {
  while (($# > 0)); do
    case $1 in
      --announce) announce=$2; shift ;;
      --rolls) rolls=$2; shift ;;
      --connections) connections=$2; shift ;;
      --proxies) proxies=$2; shift ;;
      *)
        say 'usage: rolling.sh [--announce SECONDS] [--rolls N] [--connections N] [--proxies "NAME..."]'
        exit 2
        ;;
    esac
    shift
  done
}

start_instance() { # INDEX
  "$target/release/examples/hello_http" --addr "127.0.0.1:${ports[$1]}" --cores 1 \
    --announce "$announce" >>"$tmp/instance.$1" 2>&1 &
  servers[$1]=$!
  wait_for_port "${ports[$1]}"
}

# Ends an instance, starts it again, and lets the proxy find that out.
roll() { # SIGNAL INDEX
  kill "-$1" "${servers[$2]}"
  wait "${servers[$2]}" 2>/dev/null || true
  start_instance "$2"
  sleep "$pause"
}

start_haproxy() {
  local index lines=
  command -v haproxy >/dev/null || PATH=$PATH:/usr/sbin
  command -v haproxy >/dev/null || return 1
  proxy_port=$(free_port)
  for index in "${!ports[@]}"; do lines+="    server s$index 127.0.0.1:${ports[$index]}\n"; done
  sed "s,@PORT,$proxy_port,; s,@SERVERS,$lines," "$here/clients/haproxy.cfg" >"$tmp/haproxy.cfg"
  haproxy -db -f "$tmp/haproxy.cfg" >"$tmp/haproxy.log" 2>&1 &
  others+=($!)
  wait_for_port "$proxy_port" || { cat "$tmp/haproxy.log" >&2; return 1; }
  # Until every server was found ready.
  sleep 1
}

# One row: rolls all instances under load, and prints what became of the requests.
measure() { # NAME PATH SIGNAL ROLLS H2LOAD_OPTIONS...
  local name=$1 path=$2 signal=$3 times=$4 load round index
  shift 4
  # More than the rolling takes: the announcement, the rest of the end, the pause.
  local seconds=$((times * instances * (announce + 1 + pause) + 5))
  h2load --h1 -c "$connections" -D "$seconds" "$@" "http://127.0.0.1:$proxy_port$path" \
    >"$tmp/h2load" 2>&1 &
  load=$!
  others+=("$load")
  sleep 1
  for ((round = 0; round < times; round++)); do
    for index in "${!ports[@]}"; do roll "$signal" "$index"; done
  done
  kill -0 "$load" 2>/dev/null || say "$name: the load ended before the rolling did"
  wait "$load" || true
  awk -v name="$name" -v rolls=$((times * instances)) '
    /^requests:/ { done = $6; failed = $10; errored = $12; timeouts = $14 }
    /^status codes:/ { bad = $7 + $9 }
    END { printf "%-44s %6d %10d %8d %8d %8d %8d\n", name, rolls, done, failed, errored, timeouts, bad }
  ' "$tmp/h2load"
  explain
}

# What nginx says of the failures, without what differs from request to request.
explain() {
  [[ -s $tmp/nginx.err ]] || return 0
  sed 's/^[0-9/: ]*//; s/ [0-9]*#[0-9]*: \*[0-9]*//; s/, client:.*//' "$tmp/nginx.err" |
    sort | uniq -c | sort -rn | head -n 5 | sed 's/^/    /'
  : >"$tmp/nginx.err"
}

# GET and POST by SIGTERM, and the control.
measure_all() { # PROXY PREFIX
  measure "$1, GET, SIGTERM" "$2/plaintext" TERM "$rolls"
  measure "$1, POST, SIGTERM" "$2/echo" TERM "$rolls" -d "$tmp/body"
  measure "$1, POST, control: kill -9" "$2/echo" KILL 1 -d "$tmp/body"
}

main() {
  local index proxy
  check_tools
  parse_arguments "$@"
  command -v h2load >/dev/null || die "h2load is needed"
  available ringspun || die "no server"
  printf 'small' >"$tmp/body"
  ports=()
  for ((index = 0; index < instances; index++)); do
    ports[index]=$(free_port)
    start_instance "$index"
  done
  printf '%-44s %6s %10s %8s %8s %8s %8s\n' '' rolls 'done' failed errored timeout '4xx+5xx'
  for proxy in $proxies; do
    case $proxy in
      haproxy)
        if start_haproxy; then measure_all haproxy ''; else say 'haproxy: skipped, not here'; fi
        ;;
      nginx)
        pause=11
        if start_nginx "${ports[@]/#/127.0.0.1:}"; then
          measure_all 'nginx, kept connections' ''
          measure_all 'nginx, its defaults' /defaults
        else
          say 'nginx: skipped, not here'
        fi
        ;;
      *) die "$proxy: no such proxy" ;;
    esac
  done
}

main "$@"
