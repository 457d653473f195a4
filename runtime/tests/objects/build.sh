#!/bin/sh
# Compiles every program here to the object that lies beside it; needs clang 19. Debug paths are relative, so that the
# bytes do not depend on the machine. usage: build.sh [OUTPUT_DIRECTORY]
set -eu
cd "$(dirname "$0")"
out=${1:-.}
compile() {
    "${CLANG:-clang-19}" -target bpf -O2 -Wall -Wno-unused -fdebug-compilation-dir=. "$@"
}
compile -mcpu=v3 -g -c full.bpf.c -o "$out/full.bpf.o"
compile -mcpu=v4 -c bare.bpf.c -o "$out/bare.bpf.o"
compile -mcpu=v3 -g -c core.bpf.c -o "$out/core.bpf.o"
