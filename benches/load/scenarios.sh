# The loads that scripts of this folder share. To be sourced after lib.sh.
# shellcheck shell=bash

# Sets the generator's arguments of a scenario: `load` for spin, `wrk_load` and `path` for wrk, which is
# left empty where wrk cannot make it. `opening` are requests that open the connections before the load.
load_of() { # SCENARIO
  path=/plaintext
  opening=0
  wrk_load=()
  case $1 in
    keep-alive-64) load=(--connections 64) wrk_load=(-c 64 -s "$here/report.lua") ;;
    keep-alive-256) load=(--connections 256) wrk_load=(-c 256 -s "$here/report.lua") ;;
    pipelined-16) load=(--connections 64 --pipeline 16) wrk_load=(-c 64 -s "$here/pipeline.lua") ;;
    turns-64) load=(--connections 64 --turns) ;;
    pipelined-turns) load=(--connections 64 --pipeline 16 --turns) ;;
    json)
      path=/json
      load=(--connections 256 --path /json)
      wrk_load=(-c 256 -s "$here/report.lua")
      ;;
    post-16k) load=(--connections 64 --path /echo --size 16384) ;;
    close)
      load=(--connections 64 --mode close)
      wrk_load=(-c 64 -s "$here/report.lua" -H "Connection: close")
      ;;
    ten) load=(--connections 64 --mode close --uses 10) ;;
    echo-64) load=(--connections 64 --mode echo --size 64) ;;
    echo-64k) load=(--connections 64 --mode echo --size 65536) ;;
    active-1000) load=(--connections 1000 --active 50) opening=1000 ;;
    active-10000) load=(--connections 10000 --active 500) opening=10000 ;;
    thousand) load=(--connections 1000) ;;
    burn) load=(open --rate 4000 --connections 256 --every 100 --other /burn/10000) ;;
    block) load=(open --rate 4000 --connections 256 --every 100 --other /block/10) ;;
    quiet20k) load=(open --rate 20000 --connections 256) ;;
    *) die "$1: no such scenario" ;;
  esac
}

# The server with which a contender takes part in a scenario; none if it cannot: nginx sends no body back
# by itself and cannot compute, may_minihttp closes no connection.
server_of() { # CONTENDER SCENARIO
  case $2:$1 in
    echo-*:floor | echo-*:ringspun | echo-*:monoio | echo-*:go) echo "$1-echo" ;;
    echo-*:hyper) echo tokio-echo ;;
    echo-*) ;;
    close:may | ten:may) ;;
    post-16k:nginx | burn:nginx | block:nginx) ;;
    *) echo "$1" ;;
  esac
}
