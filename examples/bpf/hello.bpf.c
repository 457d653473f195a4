// SPDX-License-Identifier: MIT OR Apache-2.0
/* The smallest program that calls a function of its host. */
#include "opswap.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Greets somebody; returns how many have been greeted. */
extern u32 greet(const void *name, u32 name__sz) __ksym;

SEC("syscall")
int hello(void *ctx)
{
	greet("world", 5);
	return greet("kfunc", 5);
}
