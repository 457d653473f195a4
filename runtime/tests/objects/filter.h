/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What runtime/tests/life/app.rs declares. */
#ifndef FILTER_H
#define FILTER_H

#include "common.h"

struct Packet {
	u32 len;
	u32 mark;
	u64 budget;
};

struct Token {
	u32 value;
};

struct filter_ops {
	u32 (*classify)(struct Packet *packet, u32 weight);
	void (*begin)(struct Packet *packet);
	struct Token *(*exchange)(struct Token *token__ref);
	u32 (*undo)(struct Packet *packet);
	u8 name[16];
	u32 flags;
};

extern struct Token *token_get(const struct Packet *packet) __ksym;
extern void token_put(struct Token *token) __ksym;
extern u32 token_value(const struct Token *token) __ksym;
extern u32 step(const struct Packet *packet, u32 at) __ksym;

static long (*const map_update)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*const map_delete)(void *map, const void *key) = (void *)3;
static u64 (*const ktime)(void) = (void *)5;
static long (*const printk)(const char *text, u32 size, ...) = (void *)6;

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#endif
