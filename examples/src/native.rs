//! The algorithms in Rust: the slot's default, and what the BPF objects are compared with, step by step.

pub mod cubic;
pub mod dctcp;
pub mod reno;

use crate::cong::{CongOps, FLAG_ECN, name};
use crate::flow::{Flow, STATE_OPEN};

/// Reno as a table of native functions: the default of the slot, which also answers what an object leaves out.
pub fn reno() -> CongOps {
    CongOps {
        init: None,
        on_ack: reno::on_ack,
        on_loss: reno::on_loss,
        on_ecn: reno::on_ecn,
        on_timeout: reno::on_timeout,
        release: None,
        name: name("native"),
        flags: 0,
    }
}

/// CUBIC as a table of native functions.
pub fn cubic() -> CongOps {
    CongOps {
        init: Some(cubic::init),
        on_ack: cubic::on_ack,
        on_loss: cubic::on_loss,
        on_timeout: cubic::on_timeout,
        name: name("native-cubic"),
        ..reno()
    }
}

/// DCTCP as a table of native functions.
pub fn dctcp() -> CongOps {
    CongOps {
        init: Some(dctcp::init),
        on_ack: dctcp::on_ack,
        on_loss: dctcp::on_loss,
        on_ecn: dctcp::on_ecn,
        name: name("native-dctcp"),
        flags: FLAG_ECN,
        ..reno()
    }
}

/// Not while losses or marks are being answered.
fn may_grow(flow: &Flow) -> bool {
    flow.state == STATE_OPEN
}

/// Grows the window up to the threshold; returns the packets that remain for congestion avoidance.
fn slow_start(flow: &mut Flow, acked: u32) -> u32 {
    if flow.cwnd >= flow.ssthresh {
        return acked;
    }
    let grown = (flow.cwnd + acked).min(flow.ssthresh);
    let remain = acked - (grown - flow.cwnd);
    flow.cwnd = grown;
    remain
}

/// Remembers the window of this loss for whoever comes next.
fn record_loss(flow: &Flow) {
    if let Some(path) = &flow.path {
        path.record_loss(flow.cwnd);
    }
}
