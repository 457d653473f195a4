//! Conditional jumps: which ways are possible, and what each teaches.
//!
//! A comparison with NULL decides a nullable pointer and all its copies. Nothing is learnt from comparing two pointers.

use opswap_bpf::InsnIdx;
use opswap_bpf::insn::{JmpOp, Reg, Src, Width};
use opswap_bpf::proto::Nullness;

use super::{Step, Way, ended_pointer, packet, readable};
use crate::access::stack::immediate;
use crate::domain::Scalar;
use crate::host::PointerLeaks;
use crate::reject::Reason;
use crate::state::{Identity, Known, Number, PacketOrigin, Pointer, RegState, Region, VerifierState};
use crate::subject::Subject;

/// The condition of a jump.
#[derive(Clone, Copy, Debug)]
pub(super) struct Condition {
    pub(super) op: JmpOp,
    pub(super) width: Width,
    pub(super) dst: Reg,
    pub(super) src: Src,
}

/// What one way of a branch teaches.
#[derive(Clone, Copy, Debug)]
pub(super) enum Learned {
    /// Nothing.
    Nothing,
    /// The operands' values; `None` for an immediate.
    Numbers { dst: (Reg, Scalar), src: Option<(Reg, Scalar)> },
    /// Whether a nullable pointer is NULL.
    Null { pointer: Pointer, known: Known },
    /// How many bytes of packet there are.
    Packet { from: PacketOrigin, id: Identity, range: u16 },
}

/// Which ways are possible.
pub(super) enum Outcome {
    /// Only one.
    Always { way: Way, learned: Learned },
    /// Both.
    Either { taken: Learned, not_taken: Learned },
}

impl Outcome {
    const UNKNOWN: Self = Self::Either { taken: Learned::Nothing, not_taken: Learned::Nothing };
}

pub(super) fn check(
    subject: &Subject<'_>,
    state: &VerifierState,
    condition: Condition,
) -> Result<Outcome, Reason> {
    let right = match condition.src {
        Src::Reg(src) => *readable(state, src)?,
        Src::Imm(imm) => RegState::scalar(immediate(imm)),
    };
    let left = *readable(state, condition.dst)?;
    match (&left, &right) {
        (RegState::Scalar(left), RegState::Scalar(right)) => {
            Ok(compare_numbers(condition, &left.value, &right.value))
        }
        (RegState::Pointer(pointer), other) if other.is_null() => compare_null(subject, condition, pointer),
        (other, RegState::Pointer(pointer)) if other.is_null() => compare_null(subject, condition, pointer),
        (RegState::Pointer(left), RegState::Pointer(right)) => {
            if let Some(outcome) = packet::compare(condition, left, right) {
                return Ok(outcome);
            }
            if let Some(outcome) = equal_to_valid(condition, left, right) {
                return Ok(outcome);
            }
            let equality = matches!(condition.op, JmpOp::Eq | JmpOp::Ne) && condition.width == Width::W64;
            if equality || subject.policy.leaks == PointerLeaks::Allowed {
                Ok(Outcome::UNKNOWN)
            } else {
                Err(Reason::PointerComparison { reg: condition.dst })
            }
        }
        (RegState::Pointer(_), _) | (_, RegState::Pointer(_)) => match subject.policy.leaks {
            PointerLeaks::Allowed => Ok(Outcome::UNKNOWN),
            PointerLeaks::Refused => Err(Reason::PointerComparison { reg: condition.dst }),
        },
        (RegState::NotInit, _) | (_, RegState::NotInit) => Err(Reason::NotReadable { reg: condition.dst }),
    }
}

/// A pointer that equals one that is never NULL is not NULL. Only records count: any other pointer that is said to be valid
/// may be 0 after all when it is a mere address, or wrap when its offset varies.
fn equal_to_valid(condition: Condition, left: &Pointer, right: &Pointer) -> Option<Outcome> {
    let record = |pointer: &Pointer| {
        matches!(pointer.to, Region::Record { .. })
            && pointer.fixed_offset() == Some(0)
            && !pointer.trust.is_unproved()
    };
    if condition.width != Width::W64 || !record(left) || !record(right) {
        return None;
    }
    let unknown = match (left.null, right.null) {
        (Nullness::NonNull, Nullness::Nullable) => right,
        (Nullness::Nullable, Nullness::NonNull) => left,
        (Nullness::NonNull, Nullness::NonNull) | (Nullness::Nullable, Nullness::Nullable) => return None,
    };
    let valid = Learned::Null { pointer: *unknown, known: Known::NonNull };
    match condition.op {
        JmpOp::Eq => Some(Outcome::Either { taken: valid, not_taken: Learned::Nothing }),
        JmpOp::Ne => Some(Outcome::Either { taken: Learned::Nothing, not_taken: valid }),
        JmpOp::Set
        | JmpOp::Gt
        | JmpOp::Ge
        | JmpOp::Lt
        | JmpOp::Le
        | JmpOp::Sgt
        | JmpOp::Sge
        | JmpOp::Slt
        | JmpOp::Sle => None,
    }
}

fn compare_null(subject: &Subject<'_>, condition: Condition, pointer: &Pointer) -> Result<Outcome, Reason> {
    let equal_way = match (condition.op, condition.width) {
        (JmpOp::Eq, Width::W64) => Way::Jump,
        (JmpOp::Ne, Width::W64) => Way::Next,
        // Half of an address, or its order, tells nothing about NULL.
        _ if subject.policy.leaks == PointerLeaks::Allowed => return Ok(Outcome::UNKNOWN),
        _ => return Err(Reason::PointerComparison { reg: condition.dst }),
    };
    // An untrusted address may be anything, NULL included.
    if pointer.trust.is_unproved() && pointer.null == Nullness::NonNull {
        return Ok(Outcome::UNKNOWN);
    }
    // The kernel knows these to be valid, too, but lets both ways be walked.
    if matches!(pointer.to, Region::Context | Region::Stack(_) | Region::MapPtr(_) | Region::Func(_))
        && pointer.null == Nullness::NonNull
    {
        return Ok(Outcome::UNKNOWN);
    }
    if pointer.null == Nullness::NonNull {
        let way = if equal_way == Way::Jump { Way::Next } else { Way::Jump };
        return Ok(Outcome::Always { way, learned: Learned::Nothing });
    }
    let null = Learned::Null { pointer: *pointer, known: Known::Null };
    let valid = Learned::Null { pointer: *pointer, known: Known::NonNull };
    Ok(match equal_way {
        Way::Jump => Outcome::Either { taken: null, not_taken: valid },
        Way::Next => Outcome::Either { taken: valid, not_taken: null },
    })
}

fn compare_numbers(condition: Condition, left: &Scalar, right: &Scalar) -> Outcome {
    let refined = Scalar::refine(condition.op, condition.width, left, right);
    let learned = |values: (Scalar, Scalar)| Learned::Numbers {
        dst: (condition.dst, values.0),
        src: match condition.src {
            // A register compared with itself: the left value is as good.
            Src::Reg(src) if src != condition.dst => Some((src, values.1)),
            Src::Reg(_) | Src::Imm(_) => None,
        },
    };
    match (refined.taken.map(learned), refined.not_taken.map(learned)) {
        (Some(taken), Some(not_taken)) => Outcome::Either { taken, not_taken },
        (Some(learned), None) => Outcome::Always { way: Way::Jump, learned },
        (None, Some(learned)) => Outcome::Always { way: Way::Next, learned },
        // No number is in both states at once; nothing is proved by it.
        (None, None) => Outcome::UNKNOWN,
    }
}

/// Goes the possible ways: the state at hand to the next instruction where that is possible, as the kernel does.
pub(super) fn apply(
    subject: &Subject<'_>,
    state: &mut VerifierState,
    at: InsnIdx,
    offset: i16,
    outcome: Outcome,
) -> Result<Step, Reason> {
    let target = at.jump(i32::from(offset)).ok_or(Reason::JumpOutOfRange { from: at, to: None })?;
    match outcome {
        Outcome::Always { way, learned } => {
            learn(subject, state, &learned);
            Ok(Step::To(match way {
                Way::Next => at.next(),
                Way::Jump => target,
            }))
        }
        Outcome::Either { taken, not_taken } => {
            let mut other = state.clone();
            learn(subject, &mut other, &taken);
            learn(subject, state, &not_taken);
            Ok(Step::Fork { to: at.next(), way: Way::Next, other: target, state: Box::new(other) })
        }
    }
}

fn learn(subject: &Subject<'_>, state: &mut VerifierState, learned: &Learned) {
    match *learned {
        Learned::Nothing => {}
        Learned::Packet { from, id, range } => packet::apply(state, from, id, range),
        Learned::Null { pointer, known } => state.decide_null(&pointer, known, ended_pointer(subject)),
        Learned::Numbers { dst, src } => {
            for (reg, value) in [Some(dst), src].into_iter().flatten() {
                let RegState::Scalar(number) = *state.reg(reg) else { continue };
                state.set(reg, RegState::Scalar(Number { value, ..number }));
                state.learn(number.id, value);
            }
        }
    }
}
