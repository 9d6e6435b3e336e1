# Counts locked instructions in what callgrind has written. To be sourced.
# shellcheck shell=bash

# What callgrind must be told for it.
# shellcheck disable=SC2034
locked_options=(--dump-instr=yes --compress-strings=no --compress-pos=no)

# Prints `count function` for PROGRAM's functions, and `count in all`, per operation: those of the run with
# twice N operations (TWICE) less those of the run with N (ONCE). Read-modify-writes that take a cache line for
# their core alone; which lines other cores want too, only the source tells. libc's are not counted.
count_locked() { # PROGRAM N ONCE TWICE
  local addresses
  addresses=$(mktemp)
  # An exchange with memory is locked without saying so.
  objdump -d --no-show-raw-insn "$1" |
    awk '/^ +[0-9a-f]+:/ && (/[ \t]lock / || /xchg .*\(/) { sub(":", "", $1); print "0x" $1 }' \
      >"$addresses"
  awk -v program="${1##*/}" -v n="$2" '
    FNR == 1 { file++ }
    file == 1 { is_locked[$1] = 1; next }
    /^ob=/ { sub(/.*[\/=]/, ""); ours = $0 == program; next }
    /^fn=/ { fn = substr($0, 4); next }
    # The line behind it is what the call costs in all.
    /^calls=/ { is_call = 1; next }
    /^0x/ {
      if (!is_call && ours && $1 in is_locked) sum[fn] += file == 2 ? -$3 : $3
      is_call = 0
    }
    END {
      for (fn in sum) { all += sum[fn]; printf "%8.2f  %s\n", sum[fn] / n, fn }
      printf "%8.2f  in all\n", all / n
    }' "$addresses" "$3" "$4" | awk '$1 != 0' | sort -rn
  rm -f "$addresses"
}
