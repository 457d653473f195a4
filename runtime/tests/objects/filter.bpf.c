// SPDX-License-Identifier: MIT OR Apache-2.0
/* Tables for the tests of slots: two that answer with their own number, and one that calls a kfunc at every turn. */
#include "filter.h"

struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 16);
	__type(key, u32);
	__type(value, u64);
} seen SEC(".maps");

struct {
	__uint(type, MAP_ARRAY);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u64);
} sums SEC(".maps");

u64 total;
const volatile u32 bonus = 100;

/* classify: counts the packet by its weight, and answers with the table's number. */
static __attribute__((always_inline)) u32 count(u64 *args, u32 number)
{
	struct Packet *packet = (void *)args[0];
	u32 weight = (u32)args[1], slot = weight & 3;
	u64 one = 1, *hits, *sum;

	hits = map_lookup(&seen, &weight);
	if (hits)
		__sync_fetch_and_add(hits, 1);
	else
		map_update(&seen, &weight, &one, 1);
	sum = map_lookup(&sums, &slot);
	if (sum)
		__sync_fetch_and_add(sum, packet->len);
	total += 1;
	packet->mark = number;
	return bonus + number;
}

SEC("struct_ops/classify")
u32 one_classify(u64 *args)
{
	return count(args, 1);
}

SEC("struct_ops/classify")
u32 two_classify(u64 *args)
{
	return count(args, 2);
}

SEC("struct_ops/begin")
void two_begin(u64 *args)
{
	struct Packet *packet = (void *)args[0];

	packet->budget += 1;
}

SEC("struct_ops/exchange")
struct Token *two_exchange(u64 *args)
{
	return (void *)args[0];
}

/* Holds up to three tokens while it calls; any of the calls may fail. */
SEC("struct_ops/classify")
u32 busy_classify(u64 *args)
{
	struct Packet *packet = (void *)args[0];
	struct Token *a, *b, *c;

	packet->budget = step(packet, 0);
	a = token_get(packet);
	if (!a)
		return 0;
	packet->budget += step(packet, 1);
	packet->budget += token_value(a);
	b = token_get(packet);
	if (b) {
		packet->budget += step(packet, 2);
		packet->budget += token_value(b);
		c = token_get(packet);
		if (c) {
			packet->budget += token_value(c);
			token_put(a);
			packet->budget += step(packet, 3);
			a = c;
		}
		token_put(b);
	}
	packet->budget += step(packet, 4);
	packet->budget += token_value(a);
	token_put(a);
	packet->budget += step(packet, 5);
	return packet->budget;
}

/* Gives the token back and returns none; or lets it drop into the ledger when `token_put` fails. */
SEC("struct_ops/exchange")
struct Token *busy_exchange(u64 *args)
{
	struct Token *token = (void *)args[0];

	token_value(token);
	token_put(token);
	return 0;
}

SEC(".struct_ops.link")
struct filter_ops one = {
	.classify = (void *)one_classify,
	.name = "one",
	.flags = 1,
};

SEC(".struct_ops.link")
struct filter_ops two = {
	.classify = (void *)two_classify,
	.begin = (void *)two_begin,
	.exchange = (void *)two_exchange,
	.name = "two",
	.flags = 2,
};

SEC(".struct_ops.link")
struct filter_ops busy = {
	.classify = (void *)busy_classify,
	.exchange = (void *)busy_exchange,
	.name = "busy",
};

SEC(".struct_ops")
struct filter_ops fixed = {
	.classify = (void *)one_classify,
	.name = "fixed",
};
