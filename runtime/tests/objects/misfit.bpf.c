// SPDX-License-Identifier: MIT OR Apache-2.0
/* Objects that must be refused; one object a macro (see build.sh). */
#ifdef LAYOUT
#define filter_ops hidden_ops
#endif
#ifdef UNKNOWN_TYPE
#define filter_ops filter_opts
#endif
#include "filter.h"

#ifdef LAYOUT /* the application's type has another layout: flags are wider here */
#undef filter_ops
struct filter_ops {
	u32 (*classify)(struct Packet *packet, u32 weight);
	void (*begin)(struct Packet *packet);
	struct Token *(*exchange)(struct Token *token__ref);
	u32 (*undo)(struct Packet *packet);
	u8 name[16];
	u64 flags;
};
#endif

SEC("struct_ops/classify")
u32 classify(u64 *args)
{
#ifdef LEAK
	return token_get((void *)args[0]) ? 1 : 0;
#elif defined(UNKNOWN_KFUNC)
	extern u32 token_values(const struct Packet *packet) __ksym;

	return token_values((void *)args[0]);
#else
	return (u32)args[1];
#endif
}

#ifndef UNREFERENCED
SEC(".struct_ops.link")
struct filter_ops misfit = {
#ifndef MISSING
	.classify = (void *)classify,
#endif
#ifdef UNSUPPORTED
	.undo = (void *)classify,
#endif
#if defined(TWO_OPS) || defined(MISSING)
	.begin = (void *)classify,
#endif
#ifdef REFUSED
	.flags = 1u << 31,
#endif
	.name = "misfit",
};
#endif

#ifdef UNKNOWN_SECTION
SEC("elsewhere/here")
u64 lost(void *context)
{
	return 0;
}
#endif
