//! DCTCP: cuts the window in proportion to the share of marked packets (RFC 8257).
//!
//! The yardstick of `bpf/dctcp.bpf.c`: both do the same integer steps.

use super::{may_grow, record_loss, reno, slow_start};
use crate::flow::{AckSample, Flow, MIN_WINDOW};

/// Index in [`Flow::private`]; 0 is Reno's counter.
const ALPHA: usize = 1;
/// Packets acknowledged in this observation window.
const ACKED: usize = 2;
/// Marked ones among them.
const MARKED: usize = 3;
/// Number of the packet whose ACK ends the observation window.
const WINDOW_END: usize = 4;

/// `alpha` 1.0.
const ALPHA_ONE: u64 = 1 << 10;
/// The weight g = 1/16 of a new observation (RFC 8257, section 4.2).
const SHIFT_G: u32 = 4;

/// Starts with alpha 1, so that the first mark halves the window (RFC 8257, section 3.3).
pub fn init(flow: &mut Flow) {
    flow.private[ALPHA] = ALPHA_ONE;
    flow.private[WINDOW_END] = flow.next_number;
}

/// Counts marks, updates alpha once per window of packets, and grows as Reno does.
pub fn on_ack(flow: &mut Flow, sample: &AckSample) {
    flow.private[ACKED] += u64::from(sample.acked);
    flow.private[MARKED] += u64::from(sample.marked);
    if sample.number >= flow.private[WINDOW_END] {
        let observed = flow.private[MARKED] * (ALPHA_ONE >> SHIFT_G) / flow.private[ACKED].max(1);
        let alpha = flow.private[ALPHA];
        flow.private[ALPHA] = (alpha - (alpha >> SHIFT_G) + observed).min(ALPHA_ONE);
        flow.private[ACKED] = 0;
        flow.private[MARKED] = 0;
        flow.private[WINDOW_END] = flow.next_number;
    }
    if may_grow(flow) {
        let acked = slow_start(flow, sample.acked);
        reno::additive_increase(flow, acked);
    }
}

/// cwnd * (1 - alpha / 2) (RFC 8257, section 3.3), at most once per window of packets: the caller sees to that.
pub fn on_ecn(flow: &mut Flow, _marked: u32) -> u32 {
    let cut = (u64::from(flow.cwnd) * flow.private[ALPHA]) >> 11;
    (flow.cwnd - cut as u32).max(MIN_WINDOW)
}

/// Losses count as in Reno (RFC 8257, section 3.5).
pub fn on_loss(flow: &mut Flow, _lost: u32) -> u32 {
    record_loss(flow);
    (flow.cwnd / 2).max(MIN_WINDOW)
}
