#!/usr/bin/env bash
# Real clients against the example hello_http: who gets what it asked for?
#
#   benches/load/clients.sh
#
# A row for each client and what it does: ok, failed (the end of its output follows), or missing where
# the client is not here. On Debian: apt-get install curl python3-venv nodejs wrk nghttp2-client
# apache2-utils nginx-light. aiohttp is installed into a venv under a temporary directory.

# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

failures=0

# Runs a function or program and prints its row.
row() { # NAME PROGRAM COMMAND ARGUMENTS...
  local name=$1 program=$2 verdict=ok result
  shift 2
  if command -v "$program" >/dev/null; then
    # Not as the condition of an `if`: inside of one, a failing step would not end the function.
    set +e
    (set -e; "$@") >"$tmp/log" 2>&1
    result=$?
    set -e
    if ((result)); then
      verdict=failed
      failures=$((failures + 1))
    fi
  else
    verdict="missing: no $program here"
  fi
  printf '%-58s %s\n' "$name" "$verdict"
  if [[ $verdict == failed ]]; then tail -n 5 "$tmp/log" | sed 's/^/    /'; fi
}

same() { # EXPECTED GOT
  [[ $1 == "$2" ]] || { echo "expected: $1"; echo "got: $2"; return 1; }
}

get() { curl -sS --max-time 20 --fail "$@"; }

curl_get() { same 'Hello, World!' "$(get "http://$addr/plaintext" "$@")"; }

curl_head() {
  get -I "http://$addr/plaintext" | tr -d '\r' | grep -ix 'content-length: 13'
}

# Several URLs are one connection.
curl_kept() {
  local urls=("http://$addr/plaintext" "http://$addr/json" "http://$addr/users/7" "http://$addr/json")
  same 1000 "$(get "${urls[@]}" -w '%{stderr}%{num_connects}' 2>&1 >/dev/null)"
}

curl_echo() { # OPTIONS...
  get "http://$addr/echo" "$@" -v -o "$tmp/back" 2>"$tmp/talk"
  cmp "$tmp/large" "$tmp/back"
}

curl_expect() {
  curl_echo -H 'Expect: 100-continue' --data-binary "@$tmp/large"
  grep -q '< HTTP/1.1 100 Continue' "$tmp/talk"
}

# The answer to a body that is too large must come through while it is being sent.
curl_too_large() {
  local code
  code=$(curl -sS --max-time 20 -o /dev/null -w '%{http_code}' "$@" \
    --data-binary "@$tmp/huge" "http://$addr/echo")
  same 413 "$code"
}

# The middle, the end, the rest behind what is there already; and what lies beyond the end.
curl_ranges() {
  local file=http://$addr/files/large code
  cmp <(get -r 1000-1999 "$file") <(tail -c +1001 "$tmp/files/large" | head -c 1000)
  cmp <(get -r -500 "$file") <(tail -c 500 "$tmp/files/large")
  head -c 400000 "$tmp/files/large" >"$tmp/back"
  get -C - -o "$tmp/back" "$file"
  cmp "$tmp/files/large" "$tmp/back"
  code=$(curl -sS -o /dev/null -w '%{http_code}' -r 1000000- "$file")
  same 416 "$code"
}

# What has not changed is not sent again.
curl_conditions() {
  local file=http://$addr/files/large code
  get -D "$tmp/head" -o "$tmp/back" --etag-save "$tmp/etag" "$file"
  cmp "$tmp/files/large" "$tmp/back"
  code=$(curl -sS -o /dev/null -w '%{http_code}' --etag-compare "$tmp/etag" "$file")
  same 304 "$code"
  code=$(curl -sS -o /dev/null -w '%{http_code}' -z "$tmp/files/large" "$file")
  same 304 "$code"
}

curl_pipe() { # Both requests in one packet, by hand.
  exec 3<>"/dev/tcp/${addr%:*}/${addr##*:}"
  printf 'GET /users/1 HTTP/1.1\r\nHost: a\r\n\r\nGET /users/2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' >&3
  timeout 10 cat <&3 >"$tmp/two"
  same 'user 1 user 2' "$(grep -ao 'user [12]' "$tmp/two" | tr '\n' ' ' | sed 's/ $//')"
}

python_venv() {
  [[ -x $tmp/venv/bin/python ]] && return
  python3 -m venv "$tmp/venv"
  "$tmp/venv/bin/pip" install --quiet --disable-pip-version-check aiohttp
}

aiohttp_client() {
  python_venv
  "$tmp/venv/bin/python" "$here/clients/aiohttp_client.py" "$addr"
}

wrk_load() { # OPTIONS...
  wrk -t1 -c16 -d1s "$@" "http://$addr/plaintext" | tee "$tmp/wrk"
  ! grep -qE 'Socket errors|Non-2xx' "$tmp/wrk"
}

h2load_get() { # ADDRESS PATH OPTIONS...
  local address=$1 path=$2
  shift 2
  h2load --h1 -n 20000 -c 16 "$@" "http://$address$path" | tee "$tmp/h2load"
  grep -q '20000 succeeded, 0 failed' "$tmp/h2load"
  grep -q 'status codes: 20000 2xx' "$tmp/h2load"
}

ab_load() { # OPTIONS...
  ab -q -n 20000 -c 16 "$@" "http://$addr/plaintext" | tee "$tmp/ab"
  grep -qE '^Failed requests: +0$' "$tmp/ab"
  grep -qE '^Complete requests: +20000$' "$tmp/ab"
  ! grep -q '^Non-2xx' "$tmp/ab"
}

ab_kept() {
  ab_load -k
  grep -qE '^Keep-Alive requests: +20000$' "$tmp/ab"
}

nginx_in_front() {
  curl_through /plaintext
  h2load_get "127.0.0.1:$proxy_port" /plaintext
  h2load_get "127.0.0.1:$proxy_port" /echo -d "$tmp/small"
  ! grep -E '\[(error|crit|alert)\]' "$tmp/nginx.err"
}

nginx_defaults() {
  curl_through /defaults/plaintext
  h2load_get "127.0.0.1:$proxy_port" /defaults/plaintext
  ! grep -E '\[(error|crit|alert)\]' "$tmp/nginx.err"
}

curl_through() { # PATH
  same 'Hello, World!' "$(get "http://127.0.0.1:$proxy_port$1")"
}

main() {
  check_tools
  server_cpus=0-$(($(nproc) - 1))
  available ringspun || die "no server"
  head -c 1000000 /dev/urandom >"$tmp/large"
  mkdir "$tmp/files"
  cp "$tmp/large" "$tmp/files/large"
  head -c 5000000 /dev/zero >"$tmp/huge"
  printf 'small' >"$tmp/small"
  command_of ringspun
  argv+=(--files "$tmp/files")
  start_server
  row 'curl: GET' curl curl_get
  row 'curl: GET with --http1.0' curl curl_get --http1.0
  row 'curl: GET with --http1.0 and keep-alive' curl curl_get --http1.0 -H 'Connection: keep-alive'
  row 'curl: HEAD' curl curl_head
  row 'curl: four URLs, one connection' curl curl_kept
  row 'curl: 1 MB with Content-Length' curl curl_echo -H 'Expect:' --data-binary "@$tmp/large"
  row 'curl: 1 MB in chunks' curl curl_echo -H 'Transfer-Encoding: chunked' --data-binary "@$tmp/large"
  row 'curl: 1 MB with Expect: 100-continue' curl curl_expect
  row 'curl: ranges of a file, the rest of a broken download' curl curl_ranges
  row 'curl: a file that has not changed' curl curl_conditions
  row 'curl: 5 MB beyond the limit, 413 after Expect' curl curl_too_large
  row 'curl: 5 MB beyond the limit, 413 while sending' curl curl_too_large -H 'Expect:'
  row 'bash: two requests in one packet' cat curl_pipe
  row 'Python http.client: one connection' python3 python3 "$here/clients/http_client.py" "$addr"
  row 'Python aiohttp: 500 requests on 8 connections' python3 aiohttp_client
  row 'Node fetch: kept connections, streamed body' node node "$here/clients/fetch.mjs" "$addr"
  row 'wrk: 16 connections' wrk wrk_load
  row 'wrk: 16 pipelined' wrk wrk_load -s "$here/pipeline.lua"
  row 'h2load --h1: 20,000 GET' h2load h2load_get "$addr" /plaintext
  row 'h2load --h1: 20,000 GET, 16 pipelined' h2load h2load_get "$addr" /plaintext -m 16
  row 'h2load --h1: 20,000 POST' h2load h2load_get "$addr" /echo -d "$tmp/small"
  row 'ab: 20,000 GET, a connection each' ab ab_load
  row 'ab -k: 20,000 GET, kept in version 1.0' ab ab_kept
  if start_nginx "$addr"; then
    row 'nginx in front: kept connections of 1.1, GET and POST' h2load nginx_in_front
    row 'nginx in front: its defaults, 1.0' h2load nginx_defaults
  else
    printf '%-58s %s\n' 'nginx in front' 'missing: no nginx here'
  fi
  stop_server
  ((failures == 0)) || die "$failures failed"
}

main "$@"
