#!/bin/sh
# Compiles every program here to the object file that lies beside it. Needs clang 19; the tests check that the
# committed objects are what this makes. Source names in the objects are relative to the repository, so that reports
# name the files as you see them, and the bytes do not depend on the machine.
# usage: build.sh [OUTPUT_DIRECTORY, absolute]
set -eu
cd "$(dirname "$0")/../.."
out=${1:-examples/bpf}
for source in examples/bpf/*.bpf.c; do
    object=$(basename "${source%.c}.o")
    "${CLANG:-clang-19}" -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Wno-unused-parameter \
        -fdebug-compilation-dir=. -c "$source" -o "$out/$object"
done
