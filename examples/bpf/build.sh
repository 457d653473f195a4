#!/bin/sh
# Compiles every program here to the object file that lies beside it. Needs clang 19; the tests check that the
# committed objects are what this makes. Debug paths are relative, so that the bytes do not depend on the machine.
# usage: build.sh [OUTPUT_DIRECTORY]
set -eu
cd "$(dirname "$0")"
out=${1:-.}
for source in *.bpf.c; do
    "${CLANG:-clang-19}" -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Wno-unused-parameter \
        -fdebug-compilation-dir=. -c "$source" -o "$out/${source%.c}.o"
done
