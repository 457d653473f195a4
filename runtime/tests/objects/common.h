/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the loader's test programs share. */
#ifndef COMMON_H
#define COMMON_H

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long s64;

#define SEC(name) __attribute__((section(name), used))
#define __noinline __attribute__((noinline))
#define __hidden __attribute__((visibility("hidden")))
#define __ksym __attribute__((section(".ksyms")))
#define __weak __attribute__((weak))

#define __uint(name, value) int (*name)[value]
#define __type(name, type) typeof(type) *name
#define __array(name, type) typeof(type) *name[]

enum { MAP_HASH = 1, MAP_ARRAY = 2, MAP_PROG_ARRAY = 3, MAP_ARRAY_OF_MAPS = 12 };

static void *(*const map_lookup)(void *map, const void *key) = (void *)1;
static long (*const loop)(u32 times, void *body, void *context, u64 flags) = (void *)181;

#endif
