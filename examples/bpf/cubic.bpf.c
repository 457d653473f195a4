// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * CUBIC: the window follows a cubic curve through the window of the last loss (RFC 9438).
 *
 * Windows inside are in 1/65536 packet, times in milliseconds, so that C (t - K)^3 with C = 0.4 fits 64 bits for
 * 100 seconds of one epoch; longer epochs stay at that point.
 */
#include "cong.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define ONE 65536ULL
#define LONGEST_EPOCH_MS 100000

struct cubic {
	u64 epoch_us; /* when the epoch began; 0 before it begins */
	u64 w_max;
	u64 k_ms;     /* when the curve reaches w_max again */
	u64 w_est;    /* what Reno would have by now */
	u64 fraction; /* what the window has beyond cwnd whole packets */
	u64 prior;    /* window before the latest reduction */
};

/* Seven Newton steps from the power of two above the root: the root, or one more. */
__inline u64 cube_root(u64 a)
{
	u64 x;

	if (!a)
		return 0;
	x = 1ULL << ((66 - __builtin_clzll(a)) / 3);
	for (int i = 0; i < 7; i++)
		x = (2 * x + a / (x * x)) / 3;
	return x;
}

/* C (t - K)^3 + W_max, not below 0. */
__inline u64 w_cubic(struct cubic *own, u64 t_ms)
{
	u64 away, change;

	if (t_ms > LONGEST_EPOCH_MS)
		t_ms = LONGEST_EPOCH_MS;
	away = t_ms >= own->k_ms ? t_ms - own->k_ms : own->k_ms - t_ms;
	if (away > LONGEST_EPOCH_MS)
		away = LONGEST_EPOCH_MS;
	change = away * away * away / 10000 * 262144 / 1000000; /* 0.4 * 65536 / 10^9 */
	if (t_ms >= own->k_ms)
		return own->w_max + change;
	return own->w_max > change ? own->w_max - change : 0;
}

__inline void begin_epoch(struct Flow *flow, struct cubic *own)
{
	u64 cwnd = flow->cwnd * ONE;

	own->epoch_us = flow->now_us ? flow->now_us : 1;
	own->w_est = cwnd;
	if (cwnd < own->w_max) {
		/* cube root of (W_max - cwnd) / C, in milliseconds */
		own->k_ms = cube_root((own->w_max - cwnd) * 38147);
	} else {
		own->k_ms = 0;
		own->w_max = cwnd;
	}
}

/* Knows the path's last loss, if there was one: begins on the curve that leads there. */
SEC("struct_ops/init")
OP1(void, cubic_init, struct Flow *, flow)
{
	struct cubic *own = (struct cubic *)flow->private;
	struct Path *path = cong_path_get(flow);

	if (!path)
		return;
	own->w_max = path->loss_window * ONE;
	own->prior = own->w_max;
	cong_path_put(path);
	NOTE(flow, "cubic takes over, on the curve to the path's last loss");
}

SEC("struct_ops/on_ack")
OP2(void, cubic_on_ack, struct Flow *, flow, const struct AckSample *, sample)
{
	struct cubic *own = (struct cubic *)flow->private;
	u64 cwnd, t_ms, target;
	u32 acked;

	if (flow->state != STATE_OPEN)
		return;
	acked = slow_start(flow, sample->acked);
	if (!acked)
		return;
	if (!own->epoch_us)
		begin_epoch(flow, own);
	cwnd = flow->cwnd;
	t_ms = (flow->now_us - own->epoch_us) / 1000;

	/* Reno's window, with alpha 3 (1 - beta) / (1 + beta) = 9/17 until it has caught up (section 4.3). */
	own->w_est += (own->w_est < own->prior ? ONE * 9 / 17 : ONE) * acked / cwnd;

	if (w_cubic(own, t_ms) < own->w_est) {
		/* Reno-friendly region */
		target = own->w_est > cwnd * ONE ? own->w_est - cwnd * ONE : 0;
		if (own->fraction < target)
			own->fraction = target;
	} else {
		/* (target - cwnd) / cwnd for each packet (section 4.4) */
		target = w_cubic(own, t_ms + flow->srtt_us / 1000);
		if (target < cwnd * ONE)
			target = cwnd * ONE;
		if (target > cwnd * ONE * 3 / 2)
			target = cwnd * ONE * 3 / 2;
		own->fraction += (target - cwnd * ONE) * acked / cwnd;
	}
	flow->cwnd += own->fraction / ONE;
	own->fraction %= ONE;
}

/* Cuts to 0.7, and gives way faster if the last loss came at a larger window (sections 4.6 and 4.7). */
__inline u32 reduce(struct Flow *flow)
{
	struct cubic *own = (struct cubic *)flow->private;
	u64 cwnd = flow->cwnd * ONE;

	record_loss(flow);
	own->w_max = cwnd < own->w_max ? cwnd * 17 / 20 : cwnd;
	own->prior = cwnd;
	own->epoch_us = 0;
	own->fraction = 0;
	return at_least_min(flow->cwnd * 7 / 10);
}

SEC("struct_ops/on_loss")
OP2(u32, cubic_on_loss, struct Flow *, flow, u32, lost)
{
	return reduce(flow);
}

/* As after a loss (section 4.8); the host sets the window to one packet. */
SEC("struct_ops/on_timeout")
OP1(u32, cubic_on_timeout, struct Flow *, flow)
{
	return reduce(flow);
}

SEC(".struct_ops.link")
struct cong_ops cubic = {
	.init = (void *)cubic_init,
	.on_ack = (void *)cubic_on_ack,
	.on_loss = (void *)cubic_on_loss,
	.on_timeout = (void *)cubic_on_timeout,
	.name = "cubic",
};
