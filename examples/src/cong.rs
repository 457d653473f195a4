//! `cong_ops`, the table of operations that a congestion control implements, and who answers its calls.

use opswap::{Refusal, StructOps, TableView, struct_ops};

use crate::flow::{AckSample, Flow};
use crate::link::Ecn;

/// Bit of [`CongOps::flags`]: packets may be marked instead of dropped, and marks are answered by `on_ecn`.
pub const FLAG_ECN: u32 = 1;

/// What a congestion control does. Programs provide it as `struct cong_ops`; what they leave out, the slot's default does.
#[derive(Clone)]
#[struct_ops(name = "cong_ops")]
pub struct CongOps {
    /// A flow begins, or this version takes over a running one. The private area is zeroed.
    pub init: Option<fn(flow: &mut Flow)>,
    /// Packets were acknowledged: sets the window.
    #[op(required)]
    pub on_ack: fn(flow: &mut Flow, sample: &AckSample),
    /// Packets were lost, the first in this round trip: returns the new slow-start threshold, which becomes the window.
    #[op(required)]
    pub on_loss: fn(flow: &mut Flow, lost: u32) -> u32,
    /// Packets were marked, the first in this round trip: returns the new threshold and window, as `on_loss` does.
    pub on_ecn: fn(flow: &mut Flow, marked: u32) -> u32,
    /// Nothing came back for a whole timeout: returns the new threshold; the window becomes one packet.
    pub on_timeout: fn(flow: &mut Flow) -> u32,
    /// The flow ends, or another version takes over.
    pub release: Option<fn(flow: &mut Flow)>,
    /// Name for people, ended by a zero byte.
    pub name: [u8; 16],
    /// [`FLAG_ECN`].
    pub flags: u32,
}

impl StructOps for CongOps {
    fn validate(table: &TableView<'_>) -> Result<(), Refusal> {
        if table.text("name").is_none_or(str::is_empty) {
            return Err("`name` is empty: people need one".into());
        }
        match table.number("flags") {
            Some(flags) if flags & !u64::from(FLAG_ECN) == 0 => Ok(()),
            flags => Err(format!("`flags` is {flags:?}; only bit 0 (CONG_ECN) has a meaning").into()),
        }
    }
}

/// `text` as the name of a table: cut to 15 bytes, padded with zero bytes.
pub fn name(text: &str) -> [u8; 16] {
    let mut name = [0; 16];
    for (to, from) in name[..15].iter_mut().zip(text.bytes()) {
        *to = from;
    }
    name
}

/// An operation, as calls are counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    /// `init`.
    Init,
    /// `on_ack`.
    Ack,
    /// `on_loss`.
    Loss,
    /// `on_ecn`.
    Ecn,
    /// `on_timeout`.
    Timeout,
    /// `release`.
    Release,
}

impl Op {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 6] = [Self::Init, Self::Ack, Self::Loss, Self::Ecn, Self::Timeout, Self::Release];
}

/// The transfer's side of the table: whoever answers, the transfer asks the same questions.
pub trait Control {
    /// See [`CongOps::init`].
    fn init(&mut self, flow: &mut Flow);
    /// See [`CongOps::on_ack`].
    fn on_ack(&mut self, flow: &mut Flow, sample: &AckSample);
    /// See [`CongOps::on_loss`].
    fn on_loss(&mut self, flow: &mut Flow, lost: u32) -> u32;
    /// See [`CongOps::on_ecn`].
    fn on_ecn(&mut self, flow: &mut Flow, marked: u32) -> u32;
    /// See [`CongOps::on_timeout`].
    fn on_timeout(&mut self, flow: &mut Flow) -> u32;
    /// See [`CongOps::release`].
    fn release(&mut self, flow: &mut Flow);
    /// Whether packets may be marked.
    fn ecn(&self) -> Ecn;
}

/// A table of native functions, called directly.
pub struct Native(pub CongOps);

impl Control for Native {
    fn init(&mut self, flow: &mut Flow) {
        if let Some(init) = self.0.init {
            init(flow);
        }
    }

    fn on_ack(&mut self, flow: &mut Flow, sample: &AckSample) {
        (self.0.on_ack)(flow, sample);
    }

    fn on_loss(&mut self, flow: &mut Flow, lost: u32) -> u32 {
        (self.0.on_loss)(flow, lost)
    }

    fn on_ecn(&mut self, flow: &mut Flow, marked: u32) -> u32 {
        (self.0.on_ecn)(flow, marked)
    }

    fn on_timeout(&mut self, flow: &mut Flow) -> u32 {
        (self.0.on_timeout)(flow)
    }

    fn release(&mut self, flow: &mut Flow) {
        if let Some(release) = self.0.release {
            release(flow);
        }
    }

    fn ecn(&self) -> Ecn {
        ecn(self.0.flags)
    }
}

/// What the flags of a table say of marks.
pub fn ecn(flags: u32) -> Ecn {
    if flags & FLAG_ECN == 0 { Ecn::NotCapable } else { Ecn::Capable }
}
