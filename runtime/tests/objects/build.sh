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
compile -mcpu=v3 -g -c fields.bpf.c -o "$out/fields.bpf.o"
compile -mcpu=v3 -g -c filter.bpf.c -o "$out/filter.bpf.o"
compile -mcpu=v3 -g -c plain.bpf.c -o "$out/plain.bpf.o"
compile -mcpu=v3 -g -c attack.bpf.c -o "$out/attack.bpf.o"
compile -mcpu=v3 -g -c gate.bpf.c -o "$out/gate.bpf.o"
compile -mcpu=v3 -g -c forms.bpf.c -o "$out/forms.bpf.o"
compile -mcpu=v3 -g -c bench.bpf.c -o "$out/bench.bpf.o"
compile -mcpu=v3 -g -DHUNDRED -c bench.bpf.c -o "$out/hundred.bpf.o"
for reason in LAYOUT UNKNOWN_TYPE LEAK UNKNOWN_KFUNC UNREFERENCED MISSING UNSUPPORTED TWO_OPS REFUSED UNKNOWN_SECTION; do
    compile -mcpu=v3 -g -D$reason -c misfit.bpf.c -o "$out/misfit-$reason.bpf.o"
done
