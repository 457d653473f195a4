#!/bin/sh
# Compiles the programs here to the objects that lie beside them; needs clang 19. Debug paths are relative, so that the bytes
# do not depend on the machine. usage: build.sh [OUTPUT_DIRECTORY]
set -eu
cd "$(dirname "$0")"
out=${1:-.}
for source in *.bpf.c; do
    "${CLANG:-clang-19}" -target bpf -O2 -mcpu=v3 -g -Wall -Werror -fdebug-compilation-dir=. -c "$source" -o "$out/${source%.c}.o"
done
