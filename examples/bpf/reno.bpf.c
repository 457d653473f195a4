// SPDX-License-Identifier: MIT OR Apache-2.0
/* Reno: slow start, one packet more per round trip, half the window on loss (RFC 5681, RFC 6582). */
#include "cong.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct reno {
	u64 acked; /* packets acknowledged towards the next step of the window */
};

SEC("struct_ops/init")
OP1(void, reno_init, struct Flow *, flow)
{
	NOTE(flow, "reno takes over");
}

SEC("struct_ops/on_ack")
OP2(void, reno_on_ack, struct Flow *, flow, const struct AckSample *, sample)
{
	struct reno *own = (struct reno *)flow->private;
	u32 acked;

	if (flow->state != STATE_OPEN)
		return;
	acked = slow_start(flow, sample->acked);
	own->acked += acked;
	if (own->acked >= flow->cwnd) {
		own->acked -= flow->cwnd;
		flow->cwnd += 1;
	}
}

SEC("struct_ops/on_loss")
OP2(u32, reno_on_loss, struct Flow *, flow, u32, lost)
{
	record_loss(flow);
	return at_least_min(flow->cwnd / 2);
}

SEC(".struct_ops.link")
struct cong_ops reno = {
	.init = (void *)reno_init,
	.on_ack = (void *)reno_on_ack,
	.on_loss = (void *)reno_on_loss,
	.name = "reno",
};
