// SPDX-License-Identifier: MIT OR Apache-2.0
/* What runtime/benches/op_call.rs measures. */
#include "filter.h"

struct bench_ops {
	u32 (*empty)(struct Packet *packet, u32 weight);
	u32 (*calls)(struct Packet *packet, u32 weight);
	u32 (*hundred)(struct Packet *packet, u32 weight);
};

extern u32 bench_nothing(u32 number) __ksym;

#ifndef HUNDRED
SEC("struct_ops/empty")
u32 bench_empty(u64 *args)
{
	return (u32)args[1];
}

SEC("struct_ops/calls")
u32 bench_calls(u64 *args)
{
	return bench_nothing((u32)args[1]);
}

#endif

/* About a hundred instructions with a few branches. */
SEC("struct_ops/hundred")
u32 bench_hundred(u64 *args)
{
	struct Packet *packet = (void *)args[0];
	u32 hash = (u32)args[1], len = packet->len;

#pragma clang loop unroll(full)
	for (int round = 0; round < 9; round++) {
		hash ^= len + round;
		hash *= 0x9e3779b1;
		hash ^= hash >> 15;
		if (hash & (1 << round))
			hash += packet->mark;
		packet->budget += hash & 7;
	}
	return hash;
}

SEC(".struct_ops.link")
struct bench_ops bench = {
#ifndef HUNDRED
	.empty = (void *)bench_empty,
	.calls = (void *)bench_calls,
#endif
	.hundred = (void *)bench_hundred,
};
