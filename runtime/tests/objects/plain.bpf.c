// SPDX-License-Identifier: MIT OR Apache-2.0
/* Programs that run on their own, on sixteen bytes of memory. */
#include "filter.h"

struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 2);
	__type(key, u64);
	__type(value, u64);
} table SEC(".maps");

struct context {
	u64 a;
	u64 b;
};

SEC("memory/add")
u64 add(struct context *context)
{
	context->b += context->a;
	return context->b;
}

/* Fills the table with keys a, a + 1, …, as long as there is room; returns what the last update said. */
SEC("memory")
u64 fill(struct context *context)
{
	u64 key = context->a, value;
	long result = 0;

	for (u32 i = 0; i < 3; i++) {
		value = key * 10;
		result = map_update(&table, &key, &value, 0);
		key++;
	}
	map_delete(&table, &context->a);
	return (u64)result;
}

SEC("memory")
u64 say(struct context *context)
{
	static const char text[] = "a=%llu b=%x";

	return (u64)printk(text, sizeof(text), context->a, context->b);
}

SEC("memory")
u64 later(struct context *context)
{
	u64 first = ktime();

	return ktime() >= first;
}
