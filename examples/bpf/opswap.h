/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What every program needs, whatever it is for: integers, sections, and the unpacking of an operation's arguments. */
#ifndef OPSWAP_H
#define OPSWAP_H

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long s64;

#define NULL ((void *)0)
#define SEC(name) __attribute__((section(name), used))
#define __ksym __attribute__((section(".ksyms")))
#define __inline static inline __attribute__((always_inline))

/*
 * An operation is given its arguments as an array of 8-byte slots. OP1 and OP2
 * unpack one or two of them, so that a program reads as the operation is
 * declared:
 *
 *     SEC("struct_ops/on_loss")
 *     OP2(u32, my_on_loss, struct Flow *, flow, u32, lost)
 *     {
 *             return flow->cwnd / 2;
 *     }
 */
#define OP1(ret, name, t0, a0)                                                 \
	ret name(u64 *args);                                                   \
	__inline ret name##_body(t0 a0);                                       \
	ret name(u64 *args) { return name##_body((t0)args[0]); }               \
	__inline ret name##_body(t0 a0)
#define OP2(ret, name, t0, a0, t1, a1)                                         \
	ret name(u64 *args);                                                   \
	__inline ret name##_body(t0 a0, t1 a1);                                \
	ret name(u64 *args) { return name##_body((t0)args[0], (t1)args[1]); }  \
	__inline ret name##_body(t0 a0, t1 a1)

#endif
