//! CUBIC: the window follows a cubic curve through the window of the last loss (RFC 9438).
//!
//! The yardstick of `bpf/cubic.bpf.c`: both do the same integer steps. Windows inside are in 1/65536 packet, times in
//! milliseconds, so that C (t - K)^3 with C = 0.4 fits 64 bits for 100 seconds of one epoch; longer epochs stay at that point.

use super::{may_grow, record_loss, slow_start};
use crate::flow::{AckSample, Flow, MIN_WINDOW};

/// Indices in [`Flow::private`]: time at which the epoch began, in microseconds; 0 before it begins.
const EPOCH_US: usize = 0;
/// `W_max` in 1/65536 packet.
const W_MAX: usize = 1;
/// K in milliseconds: when the curve reaches `W_max` again.
const K_MS: usize = 2;
/// What Reno would have by now, in 1/65536 packet (`W_est`).
const W_EST: usize = 3;
/// What the window has beyond `cwnd` whole packets, in 1/65536 packet.
const FRACTION: usize = 4;
/// Window before the latest reduction, in 1/65536 packet (`cwnd_prior`).
const PRIOR: usize = 5;

/// One packet.
const ONE: u64 = 1 << 16;
const LONGEST_EPOCH_MS: u64 = 100_000;

/// Knows the path's last loss, if there was one: begins on the curve that leads there.
pub fn init(flow: &mut Flow) {
    if let Some(path) = &flow.path {
        flow.private[W_MAX] = u64::from(path.loss_window()) * ONE;
        flow.private[PRIOR] = flow.private[W_MAX];
    }
}

/// Grows the window towards the curve.
pub fn on_ack(flow: &mut Flow, sample: &AckSample) {
    if !may_grow(flow) {
        return;
    }
    let acked = slow_start(flow, sample.acked);
    if acked != 0 {
        congestion_avoidance(flow, u64::from(acked));
    }
}

fn congestion_avoidance(flow: &mut Flow, acked: u64) {
    let cwnd = u64::from(flow.cwnd);
    if flow.private[EPOCH_US] == 0 {
        begin_epoch(flow);
    }
    let t_ms = (flow.now_us - flow.private[EPOCH_US]) / 1000;
    let rtt_ms = u64::from(flow.srtt_us) / 1000;

    // Reno's window, with alpha 3 (1 - beta) / (1 + beta) = 9/17 until it has caught up (RFC 9438, section 4.3).
    let step = if flow.private[W_EST] < flow.private[PRIOR] { ONE * 9 / 17 } else { ONE };
    flow.private[W_EST] += step * acked / cwnd;

    if w_cubic(flow, t_ms) < flow.private[W_EST] {
        // Reno-friendly region.
        let ahead = flow.private[W_EST].saturating_sub(cwnd * ONE);
        flow.private[FRACTION] = flow.private[FRACTION].max(ahead);
    } else {
        // (target - cwnd) / cwnd for each packet (section 4.4).
        let target = w_cubic(flow, t_ms + rtt_ms).clamp(cwnd * ONE, cwnd * ONE * 3 / 2);
        flow.private[FRACTION] += (target - cwnd * ONE) * acked / cwnd;
    }
    flow.cwnd += (flow.private[FRACTION] / ONE) as u32;
    flow.private[FRACTION] %= ONE;
}

fn begin_epoch(flow: &mut Flow) {
    let cwnd = u64::from(flow.cwnd) * ONE;
    flow.private[EPOCH_US] = flow.now_us.max(1);
    flow.private[W_EST] = cwnd;
    if cwnd < flow.private[W_MAX] {
        // K = cube root of ((W_max - cwnd) / C), in milliseconds: 10^9 / (0.4 * 65536) = 38147.
        flow.private[K_MS] = u64::from(cube_root((flow.private[W_MAX] - cwnd) * 38_147));
    } else {
        flow.private[K_MS] = 0;
        flow.private[W_MAX] = cwnd;
    }
}

/// C (t - K)^3 + W_max in 1/65536 packet; not below 0.
fn w_cubic(flow: &Flow, t_ms: u64) -> u64 {
    let (k_ms, w_max) = (flow.private[K_MS], flow.private[W_MAX]);
    let t_ms = t_ms.min(LONGEST_EPOCH_MS);
    let away = t_ms.abs_diff(k_ms).min(LONGEST_EPOCH_MS);
    // 0.4 * 65536 / 10^9 = 262144 / 10^10.
    let change = away * away * away / 10_000 * 262_144 / 1_000_000;
    if t_ms >= k_ms { w_max + change } else { w_max.saturating_sub(change) }
}

/// Cuts to 0.7, and gives way faster if the last loss came at a larger window (sections 4.6 and 4.7).
pub fn on_loss(flow: &mut Flow, _lost: u32) -> u32 {
    record_loss(flow);
    let cwnd = u64::from(flow.cwnd) * ONE;
    flow.private[W_MAX] = if cwnd < flow.private[W_MAX] { cwnd * 17 / 20 } else { cwnd };
    flow.private[PRIOR] = cwnd;
    flow.private[EPOCH_US] = 0;
    flow.private[FRACTION] = 0;
    (flow.cwnd * 7 / 10).max(MIN_WINDOW)
}

/// As after a loss (section 4.8); the caller sets the window to one packet.
pub fn on_timeout(flow: &mut Flow) -> u32 {
    on_loss(flow, 1)
}

/// The integer cube root, within one above or at the true one; 7 Newton steps from the power of two above it.
pub(crate) fn cube_root(a: u64) -> u32 {
    if a == 0 {
        return 0;
    }
    let bits = 64 - a.leading_zeros();
    let mut x = 1u64 << bits.div_ceil(3);
    for _ in 0..7 {
        x = (2 * x + a / (x * x)) / 3;
    }
    x as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cube_roots_are_exact_or_one_above() {
        let near = |root: u64| [root * root * root, (root + 1) * (root + 1) * (root + 1) - 1];
        let roots = (1..2_000u64).chain((2_000..2_000_000).step_by(997));
        for root in roots {
            for a in near(root) {
                let found = u64::from(cube_root(a));
                assert!(found == root || found == root + 1, "cube root of {a}: {found}, not {root}");
            }
        }
        assert_eq!(cube_root(0), 0);
        assert_eq!(cube_root(u64::MAX), 2_642_245);
    }

    #[test]
    fn the_curve_passes_where_the_rfc_says() {
        let mut flow = Flow::new(None);
        flow.cwnd = 70;
        flow.private[W_MAX] = 100 * ONE;
        begin_epoch(&mut flow);
        // K = cbrt((100 - 70) / 0.4) = 4.217 s.
        assert!(flow.private[K_MS].abs_diff(4_217) <= 1, "K is {} ms", flow.private[K_MS]);
        for (t_ms, packets) in [(0, 70.0), (2_217, 96.8), (4_217, 100.0), (6_217, 103.2), (9_217, 150.0)] {
            let got = w_cubic(&flow, t_ms) as f64 / ONE as f64;
            assert!((got - packets).abs() < 0.1, "{got} packets at {t_ms} ms, not {packets}");
        }
    }
}
