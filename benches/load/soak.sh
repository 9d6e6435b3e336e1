#!/usr/bin/env bash
# A server under load for a long time (B2 of the reliability list): does anything grow?
#
#   benches/load/soak.sh                  # ten minutes
#   benches/load/soak.sh --seconds 1800
#
# Two loads at once, as fast as they can: kept connections (wrk), and a connection for each request (ab).
# A row every minute: seconds, requests and connections so far, the server's resident set in KiB, its
# descriptors and threads. Then what is left when the loads have ended, and the slope of the resident set over
# the second half, in bytes for each 10,000 connections: at most 1,024 is asked, beyond the step of a page or
# two that a measurement has. Needed: wrk, ab (Debian: apache2-utils).

# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

seconds=600

parse_arguments() {
  while (($# > 0)); do
    case $1 in
      --seconds) seconds=$2; shift ;;
      *) say 'usage: soak.sh [--seconds S]'; exit 2 ;;
    esac
    shift
  done
}

resident() { awk '/^VmRSS:/ { print $2 }' "/proc/$pid/status"; }
descriptors() { find "/proc/$pid/fd" -mindepth 1 | wc -l; }
threads() { awk '/^Threads:/ { print $2 }' "/proc/$pid/status"; }

churn() { # UNTIL
  while ((SECONDS < $1)); do
    ab -q -n 20000 -c 16 "http://$addr/plaintext" >"$tmp/ab" 2>&1 || echo failed >>"$tmp/churn.failed"
    awk '/^Complete requests:/ { print $3 }' "$tmp/ab" >>"$tmp/churned"
    awk '/^Failed requests:/ && $3 > 0 { print }' "$tmp/ab" >>"$tmp/churn.failed"
  done
}

main() {
  parse_arguments "$@"
  check_tools
  command -v wrk >/dev/null || die 'wrk is needed'
  command -v ab >/dev/null || die 'ab is needed (apache2-utils)'
  server_cpus=0-$(($(nproc) - 1))
  available ringspun || die "no server"
  command_of ringspun
  start_server || die "no server"
  ab -q -n 20000 -c 16 "http://$addr/plaintext" >/dev/null 2>&1
  wrk -t1 -c16 -d1s "http://$addr/plaintext" >/dev/null
  sleep 2
  local before end next kept churned
  before="descriptors $(descriptors), threads $(threads)"
  printf '%8s %12s %10s %12s %8s\n' seconds connections 'RSS KiB' descriptors threads
  : >"$tmp/churned"
  : >"$tmp/churn.failed"
  end=$((SECONDS + seconds))
  next=$((SECONDS + 10))
  wrk -t1 -c16 "-d${seconds}s" "http://$addr/plaintext" >"$tmp/wrk" &
  others+=("$!")
  churn "$end" &
  others+=("$!")
  local start=$SECONDS
  while ((SECONDS < end)); do
    sleep 1
    if ((SECONDS >= next)); then
      next=$((next + 10))
      churned=$(awk '{ sum += $1 } END { print sum + 0 }' "$tmp/churned")
      echo "$((SECONDS - start)) $churned $(resident)" >>"$tmp/rows"
      if (((SECONDS - start) % 60 < 10)); then
        printf '%8d %12d %10d %12d %8d\n' "$((SECONDS - start))" "$churned" "$(resident)" \
          "$(descriptors)" "$(threads)"
      fi
    fi
  done
  wait "${others[@]}" || true
  others=()
  kept=$(awk '/requests in/ { print $1 }' "$tmp/wrk")
  churned=$(awk '{ sum += $1 } END { print sum + 0 }' "$tmp/churned")
  sleep 2
  echo "before: $before"
  echo "after:  descriptors $(descriptors), threads $(threads), RSS $(resident) KiB"
  echo "$kept requests on kept connections, $churned on one each; failed: $(wc -l <"$tmp/churn.failed")"
  awk '/Socket errors|Non-2xx/' "$tmp/wrk"
  awk -v half="$((seconds / 2))" '
    $1 >= half { n++; x += $2; y += $3; xx += $2 * $2; xy += $2 * $3 }
    END {
      d = n * xx - x * x
      if (d > 0) printf "slope of the second half: %.0f bytes for each 10,000 connections\n", (n * xy - x * y) / d * 1024 * 10000
    }' "$tmp/rows"
  stop_server
  [[ ! -s $tmp/churn.failed ]]
}

main "$@"
