#!/usr/bin/env bash
# How many crates a hello world needs, and how long they take to build from nothing.
#
#   benches/load/build_time.sh [CONTENDER...]     of ringspun hyper axum (all of these)
#
# Each is built in release mode, with cargo's own profile, into an empty folder, all downloads done
# before. ringspun's program is its example hello_http as a package of its own, since an example would
# build the dependencies of the tests too.

# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The same for everybody, whatever the profiles of the workspaces say.
export CARGO_PROFILE_RELEASE_LTO=false CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
export CARGO_PROFILE_RELEASE_DEBUG=0 CARGO_INCREMENTAL=0

# Prints the folder of a package, and its name.
package_of() { # CONTENDER
  case $1 in
    hyper | axum) echo "$root/benches/peers peer-$1" ;;
    ringspun)
      local package=$tmp/ringspun-hello
      mkdir -p "$package/src"
      cp "$root/examples/hello_http.rs" "$package/src/main.rs" || return 1
      # The modules that the examples share.
      cp -r "$root/examples/args" "$root/examples/loadgen" "$package/src/" || return 1
      cp "$root/Cargo.lock" "$package/Cargo.lock"
      cat >"$package/Cargo.toml" <<TOML
[package]
name = "ringspun-hello"
version = "0.0.0"
edition = "2024"

[dependencies]
ringspun = { path = "$root" }

[workspace]
TOML
      echo "$package ringspun-hello"
      ;;
    *) die "$1: no such contender" ;;
  esac
}

row_of() { # CONTENDER
  local folder package crates start end
  read -r folder package < <(package_of "$1") || return 1
  cd "$folder"
  cargo fetch --quiet || return 1
  # The lines are `name version (path)`: each crate once.
  crates=$(cargo tree --offline -p "$package" -e normal --prefix none | awk '{ print $1, $2 }' |
    sort -u | wc -l)
  say "building $1"
  start=$EPOCHREALTIME
  cargo build --offline --release --quiet -p "$package" --target-dir "$tmp/$1" >&2 || return 1
  end=$EPOCHREALTIME
  awk -v name="$1" -v crates="$crates" -v start="$start" -v end="$end" -v size="$(size_of "$1" "$package")" \
    'BEGIN { printf "%-10s %7d %10.1f %12d\n", name, crates, end - start, size / 1024 }'
  rm -rf "${tmp:?}/$1"
}

size_of() { # CONTENDER PACKAGE
  stat -c %s "$tmp/$1/release/$2"
}

main() {
  local contender failed=false
  (($# > 0)) || set -- ringspun hyper axum
  command -v cargo >/dev/null || die "cargo is needed"
  for contender in "$@"; do
    (row_of "$contender") >>"$tmp/rows" || { say "$contender: skipped, see above"; failed=true; }
  done
  printf '\n%-10s %7s %10s %12s   %s, %d CPUs\n' "" crates seconds "program KiB" \
    "$(rustc --version | awk '{ print $1, $2 }')" "$(nproc)"
  cat "$tmp/rows"
  if $failed; then exit 1; fi
}

main "$@"
