// SPDX-License-Identifier: MIT OR Apache-2.0
/* Refused: the account is read after it was given back. */
#include "admission.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

SEC("struct_ops/admit")
OP1(u32, stale_admit, struct Request *, request)
{
	struct Account *account = account_get(request->tenant);

	if (!account)
		return 0;
	account_put(account);
	return account->used + request->bytes <= account->limit;
}

SEC(".struct_ops.link")
struct admission_ops rejected_stale = {
	.admit = (void *)stale_admit,
	.name = "rejected_stale",
};
