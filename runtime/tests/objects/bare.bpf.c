// SPDX-License-Identifier: MIT OR Apache-2.0
/* Compiled without -g: no BTF. Two programs in one section, a static function, constants. */
#include "common.h"

static __noinline int square(int a)
{
	return a * a;
}

static const u32 primes[] = { 2, 3, 5, 7, 11, 13 };

SEC("test/bare")
int first(u64 *args)
{
	return square((int)args[0]);
}

SEC("test/bare")
int second(u64 *args)
{
	return primes[args[0] & 3] + square(3);
}
