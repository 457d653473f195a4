//! Reno: slow start, one packet more per round trip, half the window on loss (RFC 5681, RFC 6582).
//!
//! The native default of the slot, and the yardstick of `bpf/reno.bpf.c`: both do the same integer steps.

use super::{may_grow, record_loss, slow_start};
use crate::flow::{AckSample, Flow, MIN_WINDOW};

/// Index in [`Flow::private`]: packets acknowledged towards the next step of the window.
const ACKED: usize = 0;

/// Grows the window: by one for each packet in slow start, by one for each window of packets after it.
pub fn on_ack(flow: &mut Flow, sample: &AckSample) {
    if !may_grow(flow) {
        return;
    }
    let acked = slow_start(flow, sample.acked);
    additive_increase(flow, acked);
}

/// RFC 5681, equation 3, by counting (RFC 3465): a full window of acknowledged packets adds one.
pub(super) fn additive_increase(flow: &mut Flow, acked: u32) {
    flow.private[ACKED] += u64::from(acked);
    if flow.private[ACKED] >= u64::from(flow.cwnd) {
        flow.private[ACKED] -= u64::from(flow.cwnd);
        flow.cwnd += 1;
    }
}

/// Marks count as losses (RFC 3168, section 6.1.2).
pub fn on_ecn(flow: &mut Flow, _marked: u32) -> u32 {
    (flow.cwnd / 2).max(MIN_WINDOW)
}

/// As after a loss (RFC 5681, section 3.1); the caller sets the window to one packet.
pub fn on_timeout(flow: &mut Flow) -> u32 {
    on_loss(flow, 1)
}

/// RFC 5681, equation 4, with the window in place of the flight.
pub fn on_loss(flow: &mut Flow, _lost: u32) -> u32 {
    record_loss(flow);
    (flow.cwnd / 2).max(MIN_WINDOW)
}
