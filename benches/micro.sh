#!/usr/bin/env bash
# What operations cost on ringspun beside the best of the others, compared with benches/baseline/ratios.tsv.
#
#   benches/micro.sh                           every row, about two minutes; fails when one is worse than it was
#   benches/micro.sh --only channel            rows with that in their name
#   benches/micro.sh --update                  writes the baseline
#
# The rows are those of benches/load/versus.sh; benches/baseline/README.md says how to read the figures.

# shellcheck source-path=SCRIPTDIR source=load/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/load/lib.sh"

baseline=$root/benches/baseline/ratios.tsv
versus=$peers_target/release/versus

usage() {
  cat <<'TEXT'
usage: micro.sh [--only TEXT]       rows with that in their name
                [--rounds N]        (7)
                [--tolerance P]     percent above the baseline's ratio that are noise (20)
                [--update]          writes the baseline, or those rows of it
TEXT
}

only=
rounds=7
tolerance=20
update=false

parse_arguments() {
  while (($# > 0)); do
    case $1 in
      --only) only=$2; shift ;;
      --rounds) rounds=$2; shift ;;
      --tolerance) tolerance=$2; shift ;;
      --update) update=true ;;
      --help) usage; exit 0 ;;
      *) usage >&2; exit 2 ;;
    esac
    shift
  done
}

# Appends `row cores best ratio` of all rows whose name has TEXT in it to a file. One core and the time of
# CPUs: what else runs on the machine spoils that least.
measure() { # TEXT FILE
  local command options=(--rounds "$rounds" --only "$1" --ratios "$2")
  "$versus" parts "${options[@]}" >&2
  for command in micro channels; do
    "$versus" "$command" --cores 1 --cpu "${go_option[@]}" "${options[@]}" >&2
  done
}

# Rows of FILE that are worse than the baseline, one a line. Those whose best was somebody else then cannot
# be compared if that one does not take part now.
worse() { # FILE
  awk -F '\t' -v tolerance="$tolerance" -v go="${#go_option[@]}" '
    FNR == NR { if ($0 !~ /^#/) { peer[$1] = $3; before[$1] = $4 }; next }
    !($1 in before) || (peer[$1] == "go" && !go) { next }
    $4 > before[$1] * (1 + tolerance / 100) { print $1 }' "$baseline" "$1"
}

# The better of two measurements of a row counts: noise only ever adds, though to either side.
join() { # FILE FILE
  awk -F '\t' '
    !($1 in ratio) { order[++n] = $1 }
    !($1 in ratio) || $4 < ratio[$1] { ratio[$1] = $4; line[$1] = $0 }
    END { for (i = 1; i <= n; i++) print line[order[i]] }' "$1" "$2"
}

print_comparison() { # FILE
  awk -F '\t' -v tolerance="$tolerance" -v go="${#go_option[@]}" '
    FNR == NR { if ($0 !~ /^#/) { peer[$1] = $3; before[$1] = $4 }; next }
    FNR == 1 { printf "\n%-20s %14s %8s %10s\n", "", "best other", "ratio", "baseline" }
    {
      verdict = ""
      if (!($1 in before)) verdict = "   not in the baseline"
      else if (peer[$1] == "go" && !go) verdict = "   the best was go, and there is none here: not compared"
      else if ($4 > before[$1] * (1 + tolerance / 100)) { verdict = "   WORSE"; failed = 1 }
      printf "%-20s %14s %8.2f %10s%s\n", $1, $3, $4, before[$1] == "" ? "-" : before[$1], verdict
    }
    END { exit failed }' "$baseline" "$1"
}

write_baseline() { # FILE
  local kept=$tmp/kept
  grep -v '^#' "$baseline" 2>/dev/null >"$kept" || true
  {
    printf '# row, cores, the best other, ringspun over it; %s\n' "$(versions)"
    # New rows over old ones, in the old order.
    awk -F '\t' '
      FNR == NR { new[$1] = $0; if (!($1 in line)) order[++n] = $1; next }
      { if (!($1 in new)) new[$1] = $0; if (!seen[$1]++) old[++m] = $1 }
      END {
        for (i = 1; i <= m; i++) { print new[old[i]]; done[old[i]] = 1 }
        for (i = 1; i <= n; i++) if (!done[order[i]]++) print new[order[i]]
      }' "$1" "$kept"
  } >"$tmp/baseline"
  mv "$tmp/baseline" "$baseline"
}

main() {
  local row again=$tmp/again measured=$tmp/measured attempt
  parse_arguments "$@"
  check_tools
  say "building"
  cargo_build "$root/benches/peers" "$peers_target" --locked --package versus || die "versus does not build"
  go_option=()
  if build_go ./versus versus-go; then go_option=(--go "$peers_target/release/versus-go"); fi
  : >"$measured"
  measure "$only" "$measured"
  if $update; then
    write_baseline "$measured"
    say "written: ${baseline#"$root"/}"
    exit
  fi
  [[ -e $baseline ]] || { cat "$measured"; say "no baseline, --update writes one: not checked"; exit; }
  # A row that looks worse is looked at twice more before that is said.
  for attempt in 1 2; do
    : >"$again"
    for row in $(worse "$measured"); do
      say "$row, once more ($attempt)"
      measure "$row" "$again" 2>/dev/null
    done
    join "$measured" "$again" >"$tmp/joined"
    mv "$tmp/joined" "$measured"
  done
  if ! print_comparison "$measured"; then
    die "worse than the baseline by more than $tolerance %; if that is meant, --update"
  fi
}

main "$@"
