// SPDX-License-Identifier: MIT OR Apache-2.0
/* Has every account audited while it holds a reference to it; the audit is a function of the host that may panic. */
#include "admission.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

SEC("struct_ops/admit")
OP1(u32, audit_admit, struct Request *, request)
{
	struct Account *account = account_get(request->tenant);
	u32 sound;

	if (!account)
		return 0;
	sound = account_audit(account);
	account_put(account);
	return sound;
}

SEC(".struct_ops.link")
struct admission_ops audit = {
	.admit = (void *)audit_admit,
	.name = "audit",
};
