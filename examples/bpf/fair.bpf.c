// SPDX-License-Identifier: MIT OR Apache-2.0
/* Admits what fits the tenant's limit; half of it at normal priority, the rest behind everybody else. */
#include "admission.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

SEC("struct_ops/admit")
OP1(u32, fair_admit, struct Request *, request)
{
	struct Account *account = account_get(request->tenant);
	u64 used, limit;

	if (!account)
		return 0;
	used = account->used + request->bytes;
	limit = account->limit;
	account_put(account);
	request->priority = used > limit / 2;
	return used <= limit;
}

SEC(".struct_ops.link")
struct admission_ops fair = {
	.admit = (void *)fair_admit,
	.name = "fair",
};
