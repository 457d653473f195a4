/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the module and the application declare. */
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long s64;

#define SEC(name) __attribute__((section(name), used))
#define __ksym __attribute__((section(".ksyms")))

struct Counter;
struct Tally;

extern struct Counter *counter_new(void) __ksym;
extern unsigned long counter_add(struct Counter *counter, u32 by) __ksym;
extern void counter_put(struct Counter *counter) __ksym;
extern u32 module_add(u32 a, u32 b) __ksym;
extern struct Tally *tally_new(struct Counter *counter) __ksym;
extern unsigned long tally_add(struct Tally *tally, u32 by) __ksym;
extern unsigned long tally_times(struct Tally *tally) __ksym;
extern void tally_put(struct Tally *tally) __ksym;
extern void module_panic(u32 number) __ksym;
extern u32 module_filtered(void) __ksym;
extern u32 module_score(u32 number) __ksym;
