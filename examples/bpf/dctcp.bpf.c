// SPDX-License-Identifier: MIT OR Apache-2.0
/* DCTCP: cuts the window in proportion to the share of marked packets (RFC 8257). */
#include "cong.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define ALPHA_ONE 1024 /* alpha 1.0 */
#define SHIFT_G 4      /* the weight g = 1/16 of a new observation (section 4.2) */

struct dctcp {
	u64 towards;    /* packets acknowledged towards the next step of the window */
	u64 alpha;      /* moving average of the share of marked packets */
	u64 acked;      /* packets acknowledged in this observation window */
	u64 marked;     /* marked ones among them */
	u64 window_end; /* number of the packet whose ACK ends it */
};

/* Starts with alpha 1, so that the first mark halves the window (section 3.3). */
SEC("struct_ops/init")
OP1(void, dctcp_init, struct Flow *, flow)
{
	struct dctcp *own = (struct dctcp *)flow->private;

	own->alpha = ALPHA_ONE;
	own->window_end = flow->next_number;
	NOTE(flow, "dctcp takes over, asks for marks");
}

SEC("struct_ops/on_ack")
OP2(void, dctcp_on_ack, struct Flow *, flow, const struct AckSample *, sample)
{
	struct dctcp *own = (struct dctcp *)flow->private;

	own->acked += sample->acked;
	own->marked += sample->marked;
	if (sample->number >= own->window_end) {
		u64 observed = own->marked * (ALPHA_ONE >> SHIFT_G) / (own->acked ? own->acked : 1);
		u64 alpha = own->alpha - (own->alpha >> SHIFT_G) + observed;

		own->alpha = alpha > ALPHA_ONE ? ALPHA_ONE : alpha;
		own->acked = 0;
		own->marked = 0;
		own->window_end = flow->next_number;
	}
	if (flow->state != STATE_OPEN)
		return;
	own->towards += slow_start(flow, sample->acked);
	if (own->towards >= flow->cwnd) {
		own->towards -= flow->cwnd;
		flow->cwnd += 1;
	}
}

/* cwnd * (1 - alpha / 2) (section 3.3); the host calls this at most once per window of packets. */
SEC("struct_ops/on_ecn")
OP2(u32, dctcp_on_ecn, struct Flow *, flow, u32, marked)
{
	struct dctcp *own = (struct dctcp *)flow->private;

	return at_least_min(flow->cwnd - (flow->cwnd * own->alpha >> 11));
}

/* Losses count as in Reno (section 3.5). */
SEC("struct_ops/on_loss")
OP2(u32, dctcp_on_loss, struct Flow *, flow, u32, lost)
{
	record_loss(flow);
	return at_least_min(flow->cwnd / 2);
}

SEC("struct_ops/release")
OP1(void, dctcp_release, struct Flow *, flow)
{
	NOTE(flow, "dctcp lets go");
}

SEC(".struct_ops.link")
struct cong_ops dctcp = {
	.init = (void *)dctcp_init,
	.on_ack = (void *)dctcp_on_ack,
	.on_loss = (void *)dctcp_on_loss,
	.on_ecn = (void *)dctcp_on_ecn,
	.release = (void *)dctcp_release,
	.name = "dctcp",
	.flags = CONG_ECN,
};
