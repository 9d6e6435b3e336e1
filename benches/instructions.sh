#!/usr/bin/env bash
# Instructions of fixed pieces of work, counted by callgrind and compared with benches/baseline/instructions.tsv.
#
#   benches/instructions.sh                    every row; fails when one has become dearer
#   benches/instructions.sh --only get         rows with that in their name
#   benches/instructions.sh --update           writes the baseline
#   benches/instructions.sh --profile get      where a row's instructions are
#   benches/instructions.sh --locked get       its locked instructions, by function
#
# benches/baseline/README.md says what is counted and how to read it.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
baseline=$root/benches/baseline/instructions.tsv
target=${CARGO_TARGET_DIR:-$root/target}
program=$target/release/instructions

# shellcheck source-path=SCRIPTDIR source=load/locked.sh
. "$root/benches/load/locked.sh"

usage() {
  cat <<'TEXT'
usage: instructions.sh [--only TEXT]       rows with that in their name
                       [--tolerance P]     percent above the baseline that are allowed (2)
                       [--update]          writes the baseline, or those rows of it
                       [--profile NAME]    prints the functions of one row instead
                       [--locked NAME]     prints the locked instructions of one row instead
TEXT
}

say() { printf '%s\n' "$*" >&2; }

measured=
only=
tolerance=2
update=false
profile=
locked=

parse_arguments() {
  while (($# > 0)); do
    case $1 in
      --only) only=$2; shift ;;
      --tolerance) tolerance=$2; shift ;;
      --update) update=true ;;
      --profile) profile=$2; shift ;;
      --locked) locked=$2; shift ;;
      --help) usage; exit 0 ;;
      *) usage >&2; exit 2 ;;
    esac
    shift
  done
}

# What the counts depend on beside the code: figures of two different ones cannot be compared.
tools() {
  local avx2=no
  if grep -qw avx2 /proc/cpuinfo; then avx2=yes; fi
  printf '%s; %s; %s; %s, avx2 %s\n' "$(rustc --version)" "$(valgrind --version)" \
    "$(getconf GNU_LIBC_VERSION 2>/dev/null || echo 'another libc')" "$(uname -m)" "$avx2"
}

# Instructions of one run, beside what the program does in `aside`.
count() { # NAME OPERATIONS [OUTPUT OPTIONS...]
  local log
  log=$(mktemp)
  # Counting from the start is said last: a function to toggle at turns that off.
  if ! timeout 300 valgrind --tool=callgrind --callgrind-out-file="${3:-/dev/null}" \
    --toggle-collect='*aside::aside*' --collect-atstart=yes --log-file="$log" "${@:4}" \
    "$program" "$1" "$2" >&2; then
    say "instructions.sh: $1 with $2 operations failed under valgrind"
    cat "$log" >&2
    rm -f "$log"
    return 1
  fi
  awk '/Collected :/ { print $NF }' "$log"
  rm -f "$log"
}

# A row: twice the operations less once the operations is what the operations cost.
measure() { # NAME OPERATIONS
  local once twice
  once=$(count "$1" "$2") && twice=$(count "$1" $(($2 * 2))) || return 1
  awk -v name="$1" -v n="$2" -v a="$once" -v b="$twice" \
    'BEGIN { if (b <= a) exit 1; printf "%s\t%.0f\n", name, (b - a) / n }' ||
    { say "instructions.sh: $1 counted nothing: $once, then $twice instructions"; return 1; }
}

# Sets `operations` to those of a row's shorter run.
find_row() { # NAME
  operations=$("$program" | awk -v name="$1" '$1 == name { print $2 }')
  [[ -n $operations ]] || { say "$1: no such row"; exit 2; }
}

print_locked() {
  local dir times
  find_row "$locked"
  dir=$(mktemp -d)
  for times in 1 2; do
    count "$locked" $((operations * times)) "$dir/$times" "${locked_options[@]}" >/dev/null
  done
  count_locked "$program" "$operations" "$dir/1" "$dir/2"
  rm -rf "$dir"
}

print_profile() {
  local out
  out=$(mktemp)
  find_row "$profile"
  count "$profile" "$operations" "$out" >/dev/null
  # Not a pipe into head: it would end callgrind_annotate by a signal.
  callgrind_annotate --auto=no --threshold=90 "$out"
  printf '\nof %d operations and the start of the program\n' "$operations"
  rm -f "$out"
}

# Prints the table; fails if a row is dearer than it was.
compare() { # MEASURED
  awk -F '\t' -v tolerance="$tolerance" '
    /^#/ || $1 == "name" { next }
    FNR == NR { before[$1] = $2; next }
    FNR == 1 { printf "%-26s %12s %12s %9s\n", "", "instructions", "baseline", "" }
    !($1 in before) { printf "%-26s %12d %12s %9s   not in the baseline\n", $1, $2, "-", "-"; next }
    {
      change = ($2 / before[$1] - 1) * 100
      verdict = ""
      # Ten more are within what a row of timers differs by from run to run.
      if (change > tolerance && $2 > before[$1] + 10) { verdict = "   DEARER"; dearer = dearer " " $1 }
      if (change < -tolerance) { verdict = "   cheaper"; cheaper++ }
      printf "%-26s %12d %12d %+8.1f%%%s\n", $1, $2, before[$1], change, verdict
    }
    END {
      if (cheaper) printf "%d rows are cheaper than the baseline: --update keeps it so\n", cheaper
      if (dearer != "") {
        printf "more than %s %% above the baseline:%s\n", tolerance, dearer
        printf "if that is meant, --update; --profile NAME shows where the instructions are\n"
        exit 1
      }
    }' "$baseline" "$1"
}

# Writes the rows that were measured over those of the baseline, in the order of the program.
write_baseline() { # MEASURED
  local new
  new=$(mktemp)
  {
    printf '# %s\nname\tinstructions\n' "$(tools)"
    { grep -v '^#' "$baseline" 2>/dev/null || true; cat "$1"; "$program"; } | awk '
      NF == 2 && $0 ~ /\t/ { count[$1] = $2 }
      $0 !~ /\t/ && $1 in count { printf "%s\t%s\n", $1, count[$1] }'
  } >"$new"
  mv "$new" "$baseline"
  chmod 644 "$baseline"
}

main() {
  parse_arguments "$@"
  if ! command -v valgrind >/dev/null; then
    say "instructions.sh: no valgrind here: not checked"
    exit 0
  fi
  (cd "$root" && cargo build --release --locked --quiet --target-dir "$target" \
    -p ringspun-bench --bin instructions) >&2
  if [[ -n $profile ]]; then
    print_profile
    exit
  fi
  if [[ -n $locked ]]; then
    print_locked
    exit
  fi
  measured=$(mktemp)
  trap 'rm -f "$measured" "$measured.sorted"' EXIT
  export -f count measure say
  export program
  # One row on each CPU: what the others do changes no count.
  # shellcheck disable=SC2016
  "$program" | grep -e "$only" | xargs -P "$(nproc)" -L 1 bash -c 'measure "$0" "$1"' >"$measured"
  # They end in any order.
  "$program" | awk -F '\t' 'FNR == NR { line[$1] = $0; next } { split($0, row, " ") }
    row[1] in line { print line[row[1]] }' "$measured" - >"$measured.sorted"
  mv "$measured.sorted" "$measured"
  if $update; then
    write_baseline "$measured"
    cat "$measured"
    say "written: ${baseline#"$root"/}"
  elif [[ ! -e $baseline ]]; then
    cat "$measured"
    say "instructions.sh: no baseline, --update writes one: not checked"
  elif [[ $(head -n 1 "$baseline") != "# $(tools)" ]]; then
    compare "$measured" || true
    say "instructions.sh: other tools than the baseline's, so the counts say little: not checked"
    say "  baseline: $(head -n 1 "$baseline" | cut -c 3-)"
    say "  here:     $(tools)"
  else
    compare "$measured"
  fi
}

main "$@"
