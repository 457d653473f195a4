//! Simulates a rejected path once more and notes what each instruction did.

use opswap_bpf::insn::{Reg, Src};
use opswap_bpf::{Insn, InsnIdx, RefId};

use crate::demand::Touched;
use crate::entry;
use crate::explore::Failure;
use crate::state::{RegState, Region, VerifierState};
use crate::subject::Subject;
use crate::transfer::{Step, Way, step};

/// Longer paths are not retraced: their reports name the instruction alone.
const MAX_STEPS: u32 = 50_000;

/// What one instruction of the path did.
pub(super) struct Moment {
    pub(super) at: InsnIdx,
    /// Number of the frame that ran it.
    pub(super) depth: u8,
    /// At a fork: which way the path went.
    pub(super) way: Option<Way>,
    /// The register that it wrote, and the value.
    pub(super) wrote: Option<(Reg, RegState)>,
    /// The stack that it read or wrote: frame and offset of the slot.
    pub(super) slot: Option<(u8, i64)>,
    /// The references and loans that it began.
    pub(super) began: Vec<RefId>,
    /// Registers of its frame that lost their value though it does not write them.
    pub(super) ended: Vec<Reg>,
}

/// Every instruction of the path, the failing one excepted; empty when the path cannot be retraced.
pub(super) fn retrace(subject: &Subject<'_>, failure: &Failure) -> Vec<Moment> {
    let mut moments = Vec::new();
    if failure.steps > MAX_STEPS {
        return moments;
    }
    let (mut state, mut at) = match subject.globals.get(failure.root) {
        Some(global) => (entry::state_of_global(subject.entry, global), global.start),
        None => (entry::state(subject.entry), InsnIdx(0)),
    };
    let mut ways = failure.ways.iter();
    for _ in 0..failure.steps {
        let Some(insn) = subject.program.insns.get(at.index()) else { return Vec::new() };
        let before = state.clone();
        let slot = slot_of(insn, &before);
        let mut way = None;
        let to = match step(subject, &mut state, at, &mut Touched::default()) {
            Ok(Step::To(to)) => to,
            Ok(Step::Later { to, other, state: begun }) => {
                let Some(&taken) = ways.next() else { return Vec::new() };
                way = Some(taken);
                if taken == Way::Next {
                    to
                } else {
                    state = *begun;
                    other
                }
            }
            Ok(Step::Fork { to, way: here, other, state: forked }) => {
                let Some(&taken) = ways.next() else { return Vec::new() };
                way = Some(taken);
                if taken == here {
                    to
                } else {
                    state = *forked;
                    other
                }
            }
            // Rounds of a `may_goto` loop were loosened during the walk: this is another path.
            Ok(Step::Done) | Err(_) => return Vec::new(),
        };
        moments.push(moment(insn, at, way, slot, &before, &state));
        at = to;
    }
    moments
}

fn moment(
    insn: &Insn,
    at: InsnIdx,
    way: Option<Way>,
    slot: Option<(u8, i64)>,
    before: &VerifierState,
    after: &VerifierState,
) -> Moment {
    let wrote = written(insn).map(|reg| (reg, *after.reg(reg)));
    let known = |id: RefId| before.refs().get(id).is_some();
    let began = after.refs().iter().map(|reference| reference.id).filter(|id| !known(*id)).collect();
    let kept = [Reg::R6, Reg::R7, Reg::R8, Reg::R9];
    let ended = if matches!(insn, Insn::Call { .. }) && before.depth() == after.depth() {
        let lost = |reg: &Reg| before.reg(*reg) != after.reg(*reg) && *after.reg(*reg) == RegState::NotInit;
        kept.into_iter().filter(lost).collect()
    } else {
        Vec::new()
    };
    Moment { at, depth: before.depth(), way, wrote, slot, began, ended }
}

/// The register that an instruction writes; a call writes `R0`.
#[expect(clippy::wildcard_enum_match_arm, reason = "most instructions write no register")]
pub(super) fn written(insn: &Insn) -> Option<Reg> {
    match insn {
        Insn::Alu { dst, .. }
        | Insn::Mov { dst, .. }
        | Insn::MovSx { dst, .. }
        | Insn::AddressCast { dst, .. }
        | Insn::Neg { dst, .. }
        | Insn::ByteSwap { dst, .. }
        | Insn::LoadImm64 { dst, .. }
        | Insn::Load { dst, .. }
        | Insn::LoadAcquire { dst, .. } => Some(*dst),
        Insn::Call { .. } => Some(Reg::R0),
        _ => None,
    }
}

/// The stack slot that a load or store of a whole register touches.
fn slot_of(insn: &Insn, state: &VerifierState) -> Option<(u8, i64)> {
    let (base, offset) = if let Insn::Load { base, offset, .. } = insn {
        (*base, *offset)
    } else if let Insn::Store { base, offset, src: Src::Reg(_), .. } = insn {
        (*base, *offset)
    } else {
        return None;
    };
    let pointer = state.reg(base).as_pointer()?;
    let Region::Stack(frame) = pointer.to else { return None };
    Some((frame, pointer.fixed_offset()? + i64::from(offset)))
}
