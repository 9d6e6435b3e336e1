#!/usr/bin/env bash
# What tasks, channels and parts cost on ringspun, tokio, Go and others: builds the programs and runs them, in turns.
#
#   benches/load/versus.sh micro                     the table of operations, about two minutes
#   benches/load/versus.sh micro --only yield --cores 1
#   benches/load/versus.sh channels                  channels and selects, about three minutes
#   benches/load/versus.sh parts                     run queue, parser, encoder, buffers, reactor
#   benches/load/versus.sh losses                    values lost when receives are dropped
#   benches/load/versus.sh burners                   an echo beside tasks that compute for ever
#   benches/load/versus.sh balance                   steals where there is nothing to gain
#
# benches/README.md says what the rows are.

# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

check_tools
say "building"
cargo_build "$root/benches/peers" "$peers_target" --locked --package versus || die "versus does not build"
go_option=()
if build_go ./versus versus-go; then go_option=(--go "$peers_target/release/versus-go"); fi
command=${1:-micro}
"$peers_target/release/versus" "$command" "${go_option[@]}" "${@:2}"
