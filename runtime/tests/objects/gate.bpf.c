// SPDX-License-Identifier: MIT OR Apache-2.0
/* A table whose type puts instructions around its programs: two exits, and a subprogram behind the main function. */
#include "filter.h"

struct gate_ops {
	u32 (*pass)(struct Packet *packet, u32 weight);
	u32 (*plain)(struct Packet *packet);
};

static __noinline u32 twice(u32 number)
{
	return number * 2;
}

SEC("struct_ops/pass")
u32 gate_pass(u64 *args)
{
	u32 weight = (u32)args[1];

	if (weight < 3)
		return 11;
	return twice(weight) + 1;
}

SEC("struct_ops/plain")
u32 gate_plain(u64 *args)
{
	return twice(((struct Packet *)args[0])->len);
}

SEC(".struct_ops.link")
struct gate_ops gate = {
	.pass = (void *)gate_pass,
	.plain = (void *)gate_plain,
};
