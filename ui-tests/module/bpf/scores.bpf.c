// SPDX-License-Identifier: MIT OR Apache-2.0
/* A table for the module's slot. */
#include "common.h"

struct score_ops {
	u32 (*score)(u32 number);
	u32 wanted;
};

SEC("struct_ops/score")
u32 doubled(u64 *args)
{
	return module_add((u32)args[0], (u32)args[0]);
}

SEC(".struct_ops.link")
struct score_ops scores = {
	.score = (void *)doubled,
};

char _license[] SEC("license") = "Dual MIT/GPL";
