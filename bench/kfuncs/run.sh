#!/bin/sh
# Compiles 10,000 kfuncs (or $1) and prints how long that took, how large the binary is, and what collecting them takes. With $2, each
# of them is collected under so many names.
# The same without any kfunc is subtracted from nothing: it is printed beside it.
set -eu
cd "$(dirname "$0")"
target=${CARGO_TARGET_DIR:-target}/bench-kfuncs
# Everything but this crate itself, so that its time alone is measured.
KFUNCS=8 cargo build --release --quiet --target-dir "$target"
printf 'binary with 8 kfuncs   %s bytes\n' "$(stat -c %s "$target/release/bench-kfuncs")"
started=$(date +%s%N)
KFUNCS=${1:-10000} cargo build --release --quiet --target-dir "$target"
ended=$(date +%s%N)
printf 'compile (release)      %s ms\n' "$(((ended - started) / 1000000))"
printf 'binary                 %s bytes\n' "$(stat -c %s "$target/release/bench-kfuncs")"
"$target/release/bench-kfuncs" "${2:-1}"
