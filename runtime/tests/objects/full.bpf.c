// SPDX-License-Identifier: MIT OR Apache-2.0
/* Everything that the loader knows: maps of several kinds, global data, subprograms, callbacks, imports, tables. */
#include "common.h"

struct value {
	u64 hits;
	u32 last;
};

struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 128);
	__uint(map_flags, 1);
	__type(key, u32);
	__type(value, struct value);
} flows SEC(".maps");

struct inner {
	__uint(type, MAP_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, 4);
	__uint(value_size, 16);
};

struct inner first SEC(".maps");
struct inner second SEC(".maps");

struct {
	__uint(type, MAP_ARRAY_OF_MAPS);
	__uint(max_entries, 3);
	__type(key, u32);
	__array(values, struct inner);
} nested SEC(".maps") = {
	.values = { [0] = &first, [2] = &second },
};

const volatile u32 limit = 40;
u64 total = 7;
u32 seen;
static volatile u64 hidden_count;
u32 tuned SEC(".data.tuning") = 3;

struct task;
extern int task_weight(struct task *task, u32 scale) __ksym;
extern void task_poke(struct task *task) __ksym __weak;
extern const int host_cpus __ksym;

static __noinline int add(int a, int b)
{
	seen += 1;
	return a + b + (int)total;
}

__noinline int twice(int a)
{
	return add(a, a);
}

__hidden __noinline int thrice(int a)
{
	return add(a, twice(a));
}

static int count(u32 index, void *context)
{
	hidden_count += index;
	return 0;
}

SEC("test/maps")
int use_maps(void *context)
{
	u32 key = limit;
	struct value *value = map_lookup(&flows, &key);

	if (!value)
		return 1;
	value->hits += tuned;
	return thrice(value->last);
}

SEC("?test.s/callback")
int use_callback(void *context)
{
	loop(8, count, (void *)0, 0);
	return (int)hidden_count + twice(2);
}

SEC("struct_ops/weigh")
u64 weigh(u64 *args)
{
	struct task *task = (void *)args[0];

	if (task_poke)
		task_poke(task);
	return task_weight(task, 3) + host_cpus;
}

SEC("struct_ops.s/setup")
u64 setup(u64 *args)
{
	u32 key = limit;

	return map_lookup(&nested, &key) ? 1 : 0;
}

struct sched_ops___v2 {
	u64 (*weigh)(struct task *task);
	u32 flags;
	u64 (*setup)(void);
	char name[8];
};

SEC(".struct_ops.link")
struct sched_ops___v2 fair = {
	.weigh = (void *)weigh,
	.flags = 5,
	.setup = (void *)setup,
	.name = "fair",
};

SEC(".struct_ops")
struct sched_ops___v2 plain = {
	.weigh = (void *)weigh,
	.name = "plain",
};

char _license[] SEC("license") = "Dual MIT/GPL";
