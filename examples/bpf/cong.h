/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * For authors of congestion control programs: the table of operations, what
 * its operations are given, and the functions of the host that they may call.
 * The Rust side is examples/src/{cong,flow,kfuncs}.rs.
 */
#ifndef CONG_H
#define CONG_H

#include "opswap.h"

#define MIN_WINDOW 2

enum flow_state {
	STATE_OPEN = 0,     /* the window may grow */
	STATE_RECOVERY = 1, /* losses or marks of one round trip are being answered */
};

/* One connection. Programs may write cwnd, ssthresh and private. */
struct Flow {
	u64 now_us;      /* since the transfer began */
	u64 delivered;   /* packets acknowledged so far */
	u64 next_number; /* number of the next packet to send */
	u32 srtt_us;     /* 0 before the first sample */
	u32 min_rtt_us;  /* 0 before the first sample */
	u32 mss;         /* bytes of a full packet */
	u32 in_flight;   /* packets */
	u32 state;       /* enum flow_state */
	u32 cwnd;        /* packets */
	u32 ssthresh;    /* packets */
	u32 reserved;
	u64 private[8];  /* the program's own; zeroed when a version takes over */
};

/* What an ACK tells. */
struct AckSample {
	u64 number; /* of the packet that was acknowledged last */
	u32 acked;  /* packets acknowledged for the first time */
	u32 marked; /* how many of them carried a congestion mark */
	u32 rtt_us; /* of the last one */
	u32 reserved;
};

/* What is remembered of a path, beyond any one flow or version. */
struct Path {
	u32 loss_window; /* window at the latest loss, 0 if none has been seen */
	u32 losses;
};

#define CONG_ECN 1 /* cong_ops.flags: packets may be marked instead of dropped */

struct cong_ops {
	void (*init)(struct Flow *flow);
	void (*on_ack)(struct Flow *flow, const struct AckSample *sample);
	u32 (*on_loss)(struct Flow *flow, u32 lost);
	u32 (*on_ecn)(struct Flow *flow, u32 marked);
	u32 (*on_timeout)(struct Flow *flow);
	void (*release)(struct Flow *flow);
	u8 name[16];
	u32 flags;
};

/* The flow's path; NULL if the host keeps none. Give it back with cong_path_put. */
extern struct Path *cong_path_get(const struct Flow *flow) __ksym;

/* Gives a path back. */
extern void cong_path_put(struct Path *path) __ksym;

/* Remembers a loss at this window. */
extern void cong_path_record_loss(const struct Path *path, u32 window) __ksym;

/* Writes a line into the flow's journal; a negative errno if it is full. */
extern s64 cong_note(const struct Flow *flow, const void *text, u32 text__sz) __ksym;

#define NOTE(flow, text) cong_note(flow, text, sizeof(text) - 1)

/* Steps that every algorithm here takes. */

/* Grows the window up to the threshold; returns the packets that remain. */
__inline u32 slow_start(struct Flow *flow, u32 acked)
{
	u32 cwnd = flow->cwnd, ssthresh = flow->ssthresh, grown, remain;

	if (cwnd >= ssthresh)
		return acked;
	grown = cwnd + acked;
	if (grown > ssthresh)
		grown = ssthresh;
	remain = acked - (grown - cwnd);
	flow->cwnd = grown;
	return remain;
}

/* Remembers the window of this loss for whoever comes next. */
__inline void record_loss(struct Flow *flow)
{
	struct Path *path = cong_path_get(flow);

	if (!path)
		return;
	cong_path_record_loss(path, flow->cwnd);
	cong_path_put(path);
}

__inline u32 at_least_min(u32 window)
{
	return window < MIN_WINDOW ? MIN_WINDOW : window;
}

#endif
