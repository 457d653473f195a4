// SPDX-License-Identifier: MIT OR Apache-2.0
/* Arguments of operations in every form: by value, memory, a slice. */
#include "common.h"

typedef unsigned short u16;

struct Port {
	u16 number;
	u8 protocol[2];
};

struct Key {
	u64 address;
	struct Port port;
	u32 zone;
};

struct forms_ops {
	u64 (*by_value)(struct Key key, struct Port port);
	u32 (*sum)(const void *data, const void *data_end, u32 limit);
	void (*fill)(u64 *counter, void *data, void *data_end);
	u32 (*table)(const u32 *table, u64 *scratch__nullable);
	u8 (*twelve)(u8 a, u8 b, u8 c, u8 d, u8 e, u8 f, u8 g, u8 h, u8 i, u8 j, u8 k, u8 l);
};

SEC("struct_ops/by_value")
u64 forms_by_value(u64 *args)
{
	u64 port = args[2];

	return args[0] * 1000000 + (args[1] >> 32) * 1000 + (port & 0xffff);
}

SEC("struct_ops/sum")
u32 forms_sum(u64 *args)
{
	const u8 *data = (void *)args[0], *end = (void *)args[1];
	u32 limit = args[2], sum = 0;

	for (u32 at = 0; at < 64 && at < limit; at++) {
		if (data + at + 1 > end)
			break;
		sum += data[at];
	}
	return sum;
}

SEC("struct_ops/fill")
void forms_fill(u64 *args)
{
	u64 *counter = (void *)args[0];
	u8 *data = (void *)args[1], *end = (void *)args[2];

	if (data + 2 > end)
		return;
	data[0] = 7;
	data[1] = 8;
	*counter += 1;
}

SEC("struct_ops/table")
u32 forms_table(u64 *args)
{
	const u32 *table = (void *)args[0];
	u64 *scratch = (void *)args[1];

	if (scratch)
		*scratch = table[2];
	return table[3];
}

SEC("struct_ops/twelve")
u8 forms_twelve(u64 *args)
{
	return args[0] + args[5] + args[11];
}

SEC(".struct_ops.link")
struct forms_ops forms = {
	.by_value = (void *)forms_by_value,
	.sum = (void *)forms_sum,
	.fill = (void *)forms_fill,
	.table = (void *)forms_table,
	.twelve = (void *)forms_twelve,
};

char LICENSE[] SEC("license") = "Dual MIT/GPL";
