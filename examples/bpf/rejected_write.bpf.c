// SPDX-License-Identifier: MIT OR Apache-2.0
/* Refused: the size of a request is the host's to say. */
#include "admission.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

SEC("struct_ops/admit")
OP1(u32, write_admit, struct Request *, request)
{
	request->bytes = 0;
	return 1;
}

SEC(".struct_ops.link")
struct admission_ops rejected_write = {
	.admit = (void *)write_admit,
	.name = "rejected_write",
};
