// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A mistake that compiles: on_loss acquires the path, and one of its two ways out forgets to give it back.
 * The verifier refuses this object; examples/tests/output.rs holds the report.
 */
#include "cong.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

SEC("struct_ops/on_ack")
OP2(void, leaky_on_ack, struct Flow *, flow, const struct AckSample *, sample)
{
	if (flow->state == STATE_OPEN)
		slow_start(flow, sample->acked);
}

SEC("struct_ops/on_loss")
OP2(u32, leaky_on_loss, struct Flow *, flow, u32, lost)
{
	struct Path *path = cong_path_get(flow);

	if (!path)
		return at_least_min(flow->cwnd / 2);
	if (flow->cwnd <= path->loss_window)
		return at_least_min(flow->cwnd / 2); /* cong_path_put(path) is missing */
	cong_path_record_loss(path, flow->cwnd);
	cong_path_put(path);
	return at_least_min(flow->cwnd / 2);
}

SEC(".struct_ops.link")
struct cong_ops leaky = {
	.on_ack = (void *)leaky_on_ack,
	.on_loss = (void *)leaky_on_loss,
	.name = "leaky",
};
