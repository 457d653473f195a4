//! The packet: comparisons with its end, and legacy loads.

use opswap_bpf::insn::{Extend, JmpOp, PacketMode, Reg, Size, Width};
use opswap_bpf::proto::LegacyLoads;
use opswap_bpf::{BtfType, InsnIdx};

use super::branch::{Condition, Learned, Outcome};
use super::{ended_pointer, readable};
use crate::domain::Scalar;
use crate::reject::{LockFault, Reason};
use crate::state::{Identity, PacketOrigin, Pointer, RegState, Region, VerifierState};
use crate::subject::Subject;

/// Offsets beyond this are not trusted to lie in a packet (Linux: `MAX_PACKET_OFF`).
const MAX_PACKET_OFFSET: u64 = 0xffff;

/// How a pointer lies to the end, on one side of the branch.
#[derive(Clone, Copy)]
enum Proved {
    /// Below it: there is a byte at the pointer.
    Below,
    /// Below or at it.
    NotBeyond,
}

/// What comparing a packet pointer with the packet's end (or metadata with the packet's start) teaches; `None` when the
/// operands are something else.
pub(super) fn compare(condition: Condition, left: &Pointer, right: &Pointer) -> Option<Outcome> {
    if condition.width != Width::W64 {
        return None;
    }
    let (pointer, swapped) = match (bounded_by(left, right), bounded_by(right, left)) {
        (true, _) => (left, false),
        (_, true) => (right, true),
        (false, false) => return None,
    };
    let op = if swapped { mirrored(condition.op) } else { condition.op };
    // With the packet pointer on the left.
    let (taken, not_taken) = match op {
        JmpOp::Gt => (None, Some(Proved::NotBeyond)),
        JmpOp::Ge => (None, Some(Proved::Below)),
        JmpOp::Lt => (Some(Proved::Below), None),
        JmpOp::Le => (Some(Proved::NotBeyond), None),
        JmpOp::Eq | JmpOp::Ne | JmpOp::Set | JmpOp::Sgt | JmpOp::Sge | JmpOp::Slt | JmpOp::Sle => {
            return None;
        }
    };
    let learned = |proved: Option<Proved>| proved.map_or(Learned::Nothing, |proved| learn(pointer, proved));
    Some(Outcome::Either { taken: learned(taken), not_taken: learned(not_taken) })
}

/// Whether `end` is where the bytes behind `pointer` end.
fn bounded_by(pointer: &Pointer, end: &Pointer) -> bool {
    match pointer.to.packet() {
        Some((PacketOrigin::Start, _)) => end.to == Region::PacketEnd,
        Some((PacketOrigin::Meta, _)) => {
            let start = end.to.packet().is_some_and(|(origin, _)| origin == PacketOrigin::Start);
            // The very start of the packet, and nothing behind it.
            start && end.fixed_offset() == Some(0) && !end.id.is_some()
        }
        None => false,
    }
}

fn mirrored(op: JmpOp) -> JmpOp {
    match op {
        JmpOp::Gt => JmpOp::Lt,
        JmpOp::Ge => JmpOp::Le,
        JmpOp::Lt => JmpOp::Gt,
        JmpOp::Le => JmpOp::Ge,
        other @ (JmpOp::Eq | JmpOp::Ne | JmpOp::Set | JmpOp::Sgt | JmpOp::Sge | JmpOp::Slt | JmpOp::Sle) => {
            other
        }
    }
}

fn learn(pointer: &Pointer, proved: Proved) -> Learned {
    let Region::Packet { from, .. } = pointer.to else { return Learned::Nothing };
    let Ok(offset) = u64::try_from(pointer.offset) else { return Learned::Nothing };
    let bytes = match proved {
        Proved::Below => offset + 1,
        Proved::NotBeyond => offset,
    };
    // So far off that the sum with an address could wrap.
    if pointer.var.umax().saturating_add(offset) > MAX_PACKET_OFFSET {
        return Learned::Nothing;
    }
    let Ok(range) = u16::try_from(bytes) else { return Learned::Nothing };
    Learned::Packet { from, id: pointer.id, range }
}

/// Carries out what was learnt.
pub(super) fn apply(state: &mut VerifierState, from: PacketOrigin, id: Identity, range: u16) {
    state.learn_packet(from, id, range);
}

/// A legacy load, which ends the program where the packet has no such bytes.
pub(super) fn check_load(
    subject: &Subject<'_>,
    state: &VerifierState,
    size: Size,
    mode: PacketMode,
) -> Result<RegState, Reason> {
    if subject.host.packet(&subject.program.kind).legacy == LegacyLoads::Refused {
        return Err(Reason::LegacyPacketLoad);
    }
    if !returns_number(subject, state) {
        return Err(Reason::LegacyLoadInVoid);
    }
    if state.refs().locks().next().is_some() {
        return Err(Reason::Lock { fault: LockFault::LegacyLoad });
    }
    // The program may end here.
    if let Some(leak) = state.refs().leak() {
        return Err(Reason::LegacyLoadLeaks { id: leak.id, at: leak.at });
    }
    let context = readable(state, Reg::R6)?.as_pointer();
    if !context.is_some_and(|pointer| pointer.to == Region::Context && pointer.fixed_offset() == Some(0)) {
        return Err(Reason::LegacyLoadWithoutContext);
    }
    if let PacketMode::Ind(reg) = mode {
        readable(state, reg)?;
    }
    Ok(RegState::scalar(Scalar::from_load(size, Extend::Zero)))
}

/// A legacy load in a subprogram that fails returns 0 to the caller: where, and with which state.
pub(super) fn early_return(subject: &Subject<'_>, state: &VerifierState) -> Option<(InsnIdx, VerifierState)> {
    let to = state.frame().return_to?;
    let mut early = state.clone();
    early.pop(Some(RegState::constant(0)), ended_pointer(subject))?;
    Some((to, early))
}

/// Subprograms with a legacy load return a number, so that 0 is one of their results.
fn returns_number(subject: &Subject<'_>, state: &VerifierState) -> bool {
    let Some(btf) = subject.program.btf.as_ref() else { return true };
    let subprog = subject.program.subprogs.get(state.frame().subprog.index());
    let ret = subprog.and_then(|subprog| btf.func_proto(subprog.func)).map(|(ret, _)| btf.resolve(ret));
    state.depth() == 0 || ret.is_none_or(|ret| matches!(ret, BtfType::Int(_) | BtfType::Enum { .. }))
}

/// The value arrives in `R0`; the argument registers are lost, as in a call.
pub(super) fn apply_load(state: &mut VerifierState, value: RegState) {
    for reg in Reg::ARGS {
        state.set(reg, RegState::NotInit);
    }
    state.set(Reg::R0, value);
}
