// SPDX-License-Identifier: MIT OR Apache-2.0
/* Refused: account_get may return NULL, and nobody looks. */
#include "admission.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

SEC("struct_ops/admit")
OP1(u32, null_admit, struct Request *, request)
{
	struct Account *account = account_get(request->tenant);
	u32 fits = account->used + request->bytes <= account->limit;

	account_put(account);
	return fits;
}

SEC(".struct_ops.link")
struct admission_ops rejected_null = {
	.admit = (void *)null_admit,
	.name = "rejected_null",
};
