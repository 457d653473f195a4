//! [`Attached`]: answers a transfer's calls with whatever is attached to a slot, and hands the flow over when that changes.
//!
//! Objects are swapped by whoever holds the link, without asking the flows. A flow keeps its slot pinned and looks, before each
//! call, whether it holds the current version. If not, the old version's `release` is called, the private area is zeroed, and
//! the new version's `init` is called: window, threshold and packets in flight carry over.

use opswap::{Pinned, PinnedTable, Slot};

use crate::cong::{CongOps, Control, Op, ecn};
use crate::flow::{AckSample, Flow};
use crate::link::Ecn;

/// A flow's view of a slot.
pub struct Attached<'s> {
    slot: &'s Slot<CongOps>,
    pin: Pinned<'s, CongOps>,
    ecn: Ecn,
    asked: Vec<[u64; Op::ALL.len()]>,
}

impl<'s> Attached<'s> {
    /// Pins what is attached now. The flow's first call is [`Control::init`].
    pub fn new(slot: &'s Slot<CongOps>) -> Self {
        let pin = slot.pin();
        Self { slot, ecn: flags_of(&pin), pin, asked: vec![[0; Op::ALL.len()]] }
    }

    /// Calls made of each version that the flow was pinned to, for each of [`Op::ALL`].
    pub fn asked(&self) -> &[[u64; Op::ALL.len()]] {
        &self.asked
    }

    /// Hands the flow over if another version is attached than the one that it is pinned to.
    pub fn follow(&mut self, flow: &mut Flow) {
        if self.pin.is_current() {
            return;
        }
        self.release(flow);
        flow.private = [0; 8];
        self.pin = self.slot.pin();
        self.ecn = flags_of(&self.pin);
        self.asked.push([0; Op::ALL.len()]);
        self.begin(flow);
    }

    fn begin(&mut self, flow: &mut Flow) {
        self.count(Op::Init);
        self.pin.init(flow);
    }

    fn count(&mut self, op: Op) {
        if let Some(version) = self.asked.last_mut() {
            version[op as usize] += 1;
        }
    }
}

/// What the version asks for, as its object fills it in.
fn flags_of(pin: &Pinned<'_, CongOps>) -> Ecn {
    let flags = pin.table().and_then(|table| table.number("flags"));
    ecn(flags.unwrap_or_default() as u32)
}

impl Control for Attached<'_> {
    fn init(&mut self, flow: &mut Flow) {
        self.begin(flow);
    }

    fn on_ack(&mut self, flow: &mut Flow, sample: &AckSample) {
        self.follow(flow);
        self.count(Op::Ack);
        self.pin.on_ack(flow, sample);
    }

    fn on_loss(&mut self, flow: &mut Flow, lost: u32) -> u32 {
        self.follow(flow);
        self.count(Op::Loss);
        self.pin.on_loss(flow, lost)
    }

    fn on_ecn(&mut self, flow: &mut Flow, marked: u32) -> u32 {
        self.follow(flow);
        self.count(Op::Ecn);
        self.pin.on_ecn(flow, marked)
    }

    fn on_timeout(&mut self, flow: &mut Flow) -> u32 {
        self.follow(flow);
        self.count(Op::Timeout);
        self.pin.on_timeout(flow)
    }

    fn release(&mut self, flow: &mut Flow) {
        self.count(Op::Release);
        self.pin.release(flow);
    }

    fn ecn(&self) -> Ecn {
        self.ecn
    }
}
