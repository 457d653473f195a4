// SPDX-License-Identifier: MIT OR Apache-2.0
/* Admits small requests, whoever sends them. */
#include "admission.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

SEC("struct_ops/admit")
OP1(u32, small_admit, struct Request *, request)
{
	return request->bytes <= 4096;
}

SEC(".struct_ops.link")
struct admission_ops small = {
	.admit = (void *)small_admit,
	.name = "small",
};
