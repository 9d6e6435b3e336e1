# Tables of medians, for scripts that show more than CPU time per request. To be sourced after lib.sh.
# shellcheck shell=bash

# Whether a measurement has failed.
failed=false

# After the rounds: the table of `columns`, of which the first is compared with contender BASE's, and the
# same with every round as JSON in out/NAME.json. `load` and `rounds` say what was done.
report() { # NAME BASE CONTENDERS...
  local name=$1 base=$2 contender
  shift 2
  for contender in "$@"; do
    if [[ -e $tmp/$contender.failed ]]; then
      failed=true
      echo "name=$contender failed=1"
    else
      summarize "$contender"
    fi
  done >"$tmp/summary"
  print_table "$name" "$base"
  write_json "$name"
  rm -f "$tmp"/*.rounds "$tmp"/*.failed "$tmp/summary"
}

# A contender's rounds as one line: for each figure its median (the sum of what is counted), then all of
# them, those of the rounds separated by commas.
summarize() { # CONTENDER
  awk -v name="$1" "$awk_median"'
    {
      for (i = 1; i <= NF; i++) {
        split($i, pair, "=")
        key = pair[1]
        if (key in all) all[key] = all[key] "," pair[2]
        else { keys[++n] = key; all[key] = pair[2] }
      }
    }
    END {
      printf "name=%s", name
      for (k = 1; k <= n; k++) {
        key = keys[k]; count = split(all[key], list, ","); sum = 0
        for (i = 1; i <= count; i++) { list[i] += 0; sum += list[i] }
        is_count = key == "misses" || key == "early"
        printf " %s=%s %s_of_rounds=%s", key, is_count ? sum : median(list, count), key, all[key]
      }
      printf "\n"
    }
  ' "$tmp/$1.rounds"
}

print_table() { # NAME BASE
  printf '\n%s: spin %s; medians of %d rounds, server on CPUs %s, generator on %s\n' \
    "$1" "${load[*]}" "$rounds" "$server_cpus" "$generator_cpus"
  awk -v columns="$columns" -v base="$2" '
    function spread(text,   list, n, i, least, most) {
      n = split(text, list, ",")
      least = most = list[1] + 0
      for (i = 2; i <= n; i++) {
        if (list[i] + 0 < least) least = list[i] + 0
        if (list[i] + 0 > most) most = list[i] + 0
      }
      return sprintf("%.4g-%.4g", least, most)
    }
    {
      split($1, pair, "="); name = pair[2]; names[++n] = name
      for (i = 2; i <= NF; i++) { split($i, pair, "="); f[name, pair[1]] = pair[2] }
    }
    END {
      count = split(columns, column, " "); main = column[1]
      printf "%-14s %8s", "", "/" base
      for (c = 1; c <= count; c++) printf " %13s", column[c]
      printf "   %s of rounds\n", main
      for (i = 1; i <= n; i++) {
        name = names[i]
        if ((name, "failed") in f) { printf "%-14s failed\n", name; continue }
        ratio = "-"
        if (f[base, main] > 0) ratio = sprintf("%.3f", f[name, main] / f[base, main])
        printf "%-14s %8s", name, ratio
        for (c = 1; c <= count; c++) {
          shown = (name, column[c]) in f ? sprintf("%.6g", f[name, column[c]]) : "-"
          printf " %13s", shown
        }
        printf "   %s\n", spread(f[name, main "_of_rounds"])
      }
    }' "$tmp/summary"
}

write_json() { # NAME
  mkdir -p "$out"
  {
    printf '{\n  "name": "%s",\n  "load": "spin %s",\n' "$1" "${load[*]}"
    printf '  "rounds": %d,\n' "$rounds"
    printf '  "server_cpus": "%s",\n  "generator_cpus": "%s",\n' "$server_cpus" "$generator_cpus"
    provenance
    awk '
      BEGIN { printf "  \"results\": [" }
      {
        split($1, pair, "=")
        printf "%s\n    {\"name\": \"%s\"", (NR > 1 ? "," : ""), pair[2]
        for (i = 2; i <= NF; i++) {
          split($i, pair, "=")
          form = pair[1] ~ /_of_rounds$/ ? ", \"%s\": [%s]" : ", \"%s\": %s"
          printf form, pair[1], pair[1] == "failed" ? "true" : pair[2]
        }
        printf "}"
      }
      END { printf "\n  ]\n}\n" }' "$tmp/summary"
  } >"$tmp/json"
  mv "$tmp/json" "$out/$1.json"
}
