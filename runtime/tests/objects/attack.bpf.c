// SPDX-License-Identifier: MIT OR Apache-2.0
/* A table that calls nothing of its host, for runtimes whose declarations come from elsewhere. */
#include "common.h"

struct Flow {
	u64 number;
};

struct Node {
	u64 value;
};

struct attack_ops {
	u32 (*on)(struct Flow *flow, u32 number);
	struct Node *(*give)(struct Node *node__ref);
};

SEC("struct_ops/on")
u32 attack_on(u64 *args)
{
	struct Flow *flow = (void *)args[0];

	flow->number = 1;
	return 1;
}

SEC("struct_ops/give")
struct Node *attack_give(u64 *args)
{
	return (void *)args[0];
}

SEC(".struct_ops.link")
struct attack_ops attack = { .on = (void *)attack_on, .give = (void *)attack_give };

char LICENSE[] SEC("license") = "Dual MIT/GPL";
