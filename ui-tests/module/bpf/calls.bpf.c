// SPDX-License-Identifier: MIT OR Apache-2.0
/* Programs that call kfuncs of the module, of the application, and of both. */
#include "common.h"

SEC("run")
s64 add(void *context)
{
	return module_add(40, 2);
}

SEC("run")
s64 own(void *context)
{
	struct Counter *counter = counter_new();
	s64 count = counter_add(counter, 3);

	counter_put(counter);
	return count;
}

SEC("run")
s64 both(void *context)
{
	struct Tally *tally = tally_new(counter_new());
	s64 sum;

	tally_add(tally, 30);
	sum = tally_add(tally, 10) + tally_times(tally);
	tally_put(tally);
	return sum;
}

SEC("run")
s64 leaves_early(void *context)
{
	struct Tally *tally = tally_new(counter_new());

	module_panic(5);
	tally_put(tally);
	return 0;
}

SEC("run")
s64 score(void *context)
{
	return module_score(10);
}

SEC("run")
s64 filtered(void *context)
{
	return module_filtered();
}

SEC("secret")
s64 whisper(void *context)
{
	return module_filtered();
}

char _license[] SEC("license") = "Dual MIT/GPL";
