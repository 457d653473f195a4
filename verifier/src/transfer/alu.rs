//! Arithmetic and moves. Numbers go through the abstract operators; a pointer may be moved, and may take a number on.

use opswap_bpf::Insn;
use opswap_bpf::insn::{AluOp, Reg, Src, Width};
use opswap_bpf::proto::Nullness;

use super::{arena, readable, writable};
use crate::access::stack::immediate;
use crate::domain::Scalar;
use crate::host::PointerLeaks;
use crate::limits::ImmediateRules;
use crate::reject::{PointerUse, Reason};
use crate::state::{Identity, Number, Pointer, RegState, Region, VerifierState};
use crate::subject::Subject;

/// Offsets at or beyond this are refused (Linux: `BPF_MAX_VAR_OFF`).
const MAX_OFFSET: i64 = 1 << 29;

/// A legal operation and its result.
pub(super) enum Checked {
    /// `dst` takes this value.
    Set { dst: Reg, value: RegState },
    /// `dst` becomes a copy of `src`: what is learnt of one holds for both.
    Copy { dst: Reg, src: Reg },
}

#[expect(clippy::wildcard_enum_match_arm, reason = "called for these instructions only")]
pub(super) fn check(subject: &Subject<'_>, state: &VerifierState, insn: &Insn) -> Result<Checked, Reason> {
    match insn {
        Insn::Alu { op, width, dst, src } => {
            check_immediate(subject, *op, *width, *src)?;
            let value = check_alu(subject, state, *op, *width, *dst, *src)?;
            Ok(Checked::Set { dst: *dst, value })
        }
        Insn::Mov { width, dst, src } => check_mov(subject, state, *width, *dst, *src),
        Insn::MovSx { width, bits, dst, src } => {
            let value = readable(state, *src)?;
            writable(*dst)?;
            let value = match value {
                RegState::Scalar(number) => RegState::scalar(number.value.movsx(*width, *bits)),
                RegState::Pointer(_) | RegState::NotInit => {
                    as_number(subject, *src, PointerUse::SignExtension)?
                }
            };
            Ok(Checked::Set { dst: *dst, value })
        }
        Insn::Neg { width, dst } => unary(subject, state, *dst, |value| value.neg(*width)),
        Insn::ByteSwap { kind, bits, dst } => {
            unary(subject, state, *dst, |value| value.byteswap(*kind, *bits))
        }
        _ => Err(Reason::Internal { what: "not arithmetic" }),
    }
}

pub(super) fn apply(state: &mut VerifierState, checked: Checked) {
    match checked {
        Checked::Set { dst, value } => {
            let value = state.identified(value);
            state.set(dst, value);
        }
        Checked::Copy { dst, src } => {
            state.copy(dst, src);
        }
    }
}

fn unary(
    subject: &Subject<'_>,
    state: &VerifierState,
    dst: Reg,
    operate: impl Fn(&Scalar) -> Scalar,
) -> Result<Checked, Reason> {
    let value = readable(state, dst)?;
    writable(dst)?;
    let value = match value {
        RegState::Scalar(number) => RegState::scalar(operate(&number.value)),
        RegState::Pointer(_) | RegState::NotInit => as_number(subject, dst, PointerUse::Arithmetic)?,
    };
    Ok(Checked::Set { dst, value })
}

/// A pointer turns into a number, if the host lets it.
fn as_number(subject: &Subject<'_>, reg: Reg, usage: PointerUse) -> Result<RegState, Reason> {
    match subject.policy.leaks {
        PointerLeaks::Allowed => Ok(RegState::unknown()),
        PointerLeaks::Refused => Err(Reason::PointerAsNumber { reg, usage }),
    }
}

fn check_mov(
    subject: &Subject<'_>,
    state: &VerifierState,
    width: Width,
    dst: Reg,
    src: Src,
) -> Result<Checked, Reason> {
    let src = match src {
        Src::Imm(imm) => {
            writable(dst)?;
            let value = match width {
                Width::W64 => immediate(imm),
                Width::W32 => Scalar::constant(u64::from(imm.cast_unsigned())),
            };
            return Ok(Checked::Set { dst, value: RegState::scalar(value) });
        }
        Src::Reg(src) => src,
    };
    let value = readable(state, src)?;
    writable(dst)?;
    match (width, value) {
        (Width::W64, _) => Ok(Checked::Copy { dst, src }),
        (Width::W32, RegState::Scalar(number)) => {
            let low = number.value.mov32();
            if low == number.value {
                return Ok(Checked::Copy { dst, src });
            }
            Ok(Checked::Set { dst, value: RegState::scalar(low) })
        }
        (Width::W32, RegState::Pointer(_) | RegState::NotInit) => {
            let value = match as_number(subject, src, PointerUse::PartialCopy)? {
                RegState::Scalar(number) => RegState::scalar(number.value.mov32()),
                other @ (RegState::NotInit | RegState::Pointer(_)) => other,
            };
            Ok(Checked::Set { dst, value })
        }
    }
}

/// Immediates that Linux refuses though RFC 9669 defines them.
fn check_immediate(subject: &Subject<'_>, op: AluOp, width: Width, src: Src) -> Result<(), Reason> {
    let Src::Imm(imm) = src else { return Ok(()) };
    if subject.limits.immediates == ImmediateRules::Rfc9669 {
        return Ok(());
    }
    let bits = match width {
        Width::W32 => 32,
        Width::W64 => 64,
    };
    let divides = matches!(op, AluOp::Div | AluOp::Sdiv | AluOp::Mod | AluOp::Smod);
    let shifts = matches!(op, AluOp::Lsh | AluOp::Rsh | AluOp::Arsh);
    if divides && imm == 0 {
        Err(Reason::DivisionByZero)
    } else if shifts && !(0..bits).contains(&imm) {
        Err(Reason::InvalidShift { imm })
    } else {
        Ok(())
    }
}

fn check_alu(
    subject: &Subject<'_>,
    state: &VerifierState,
    op: AluOp,
    width: Width,
    dst: Reg,
    src: Src,
) -> Result<RegState, Reason> {
    let right = match src {
        Src::Reg(src) => *readable(state, src)?,
        Src::Imm(imm) => RegState::scalar(immediate(imm)),
    };
    let left = *readable(state, dst)?;
    writable(dst)?;
    if left.as_pointer().is_some_and(|pointer| pointer.to == Region::Arena) {
        if arena::is_elsewhere(&right) && subject.policy.leaks == PointerLeaks::Refused {
            return Err(Reason::PointerWithPointer { reg: dst, op });
        }
        // Whatever becomes of it is an offset into the arena again.
        return Ok(left);
    }
    match (&left, &right) {
        (RegState::Scalar(left), RegState::Scalar(right)) => {
            let value = Scalar::alu(op, width, &left.value, &right.value);
            Ok(RegState::Scalar(Number { value, id: moved(op, width, left.id, &right.value) }))
        }
        (RegState::Pointer(_), RegState::Pointer(_)) => {
            if op == AluOp::Sub && subject.policy.leaks == PointerLeaks::Allowed {
                return Ok(number_of(width));
            }
            Err(Reason::PointerWithPointer { reg: dst, op })
        }
        (RegState::Pointer(pointer), RegState::Scalar(number)) => {
            offset(subject, op, width, dst, pointer, *number).map(|value| value.unwrap_or(number_of(width)))
        }
        (RegState::Scalar(number), RegState::Pointer(pointer)) => {
            if op == AluOp::Sub && width == Width::W64 {
                return Err(Reason::PointerFromScalar { reg: dst });
            }
            offset(subject, op, width, dst, pointer, *number).map(|value| value.unwrap_or(number_of(width)))
        }
        (RegState::NotInit, _) | (_, RegState::NotInit) => Err(Reason::NotReadable { reg: dst }),
    }
}

/// A number that is moved by a constant stays linked to what it was copied from (Linux: `BPF_ADD_CONST`).
fn moved(op: AluOp, width: Width, id: Identity, by: &Scalar) -> Identity {
    let by = by.as_constant().map(u64::cast_signed);
    match (op, width, by) {
        (AluOp::Add, Width::W64, Some(by)) => id.plus(by),
        (AluOp::Sub, Width::W64, Some(by)) => by.checked_neg().map_or(Identity::NONE, |by| id.plus(by)),
        _ => Identity::NONE,
    }
}

fn number_of(width: Width) -> RegState {
    let any = Scalar::unknown();
    RegState::scalar(match width {
        Width::W64 => any,
        Width::W32 => any.mov32(),
    })
}

/// `pointer op number`: the moved pointer, or `None` when the result is a meaningless number that the host lets be.
fn offset(
    subject: &Subject<'_>,
    op: AluOp,
    width: Width,
    dst: Reg,
    pointer: &Pointer,
    number: Number,
) -> Result<Option<RegState>, Reason> {
    let kind = || pointer.kernel_name();
    if width == Width::W32 {
        if op == AluOp::Sub && subject.policy.leaks == PointerLeaks::Allowed {
            return Ok(None);
        }
        return Err(Reason::PointerAsNumber { reg: dst, usage: PointerUse::Arithmetic32 });
    }
    if pointer.null == Nullness::Nullable {
        return Err(Reason::NullablePointerArithmetic { reg: dst, kind: kind() });
    }
    let value = number.value;
    match pointer.to {
        Region::Stack(_)
        | Region::Context
        | Region::MapValue(_)
        | Region::MapKey(_)
        | Region::Object(_)
        | Region::Allocated(_)
        | Region::Memory { .. }
        | Region::Packet { .. }
        | Region::Probed
        | Region::Arena
        | Region::Func(_) => {}
        Region::PacketEnd | Region::Record { .. } | Region::Dynptr(_) => {
            return Err(Reason::PointerArithmetic { reg: dst, kind: kind() });
        }
        Region::MapPtr(_) => {
            if !(value.as_constant() == Some(0) && op == AluOp::Add) {
                return Err(Reason::PointerArithmetic { reg: dst, kind: kind() });
            }
        }
    }
    check_offset(pointer, i64::from(pointer.offset), &value)?;
    let moved = match op {
        AluOp::Add => add(pointer, &value, Direction::Up),
        AluOp::Sub => {
            if let Region::Stack(_) = pointer.to {
                return Err(Reason::StackPointerSubtraction { reg: dst });
            }
            add(pointer, &value, Direction::Down)
        }
        AluOp::And | AluOp::Or | AluOp::Xor => return Err(Reason::BitwiseOnPointer { reg: dst, op }),
        AluOp::Mul
        | AluOp::Div
        | AluOp::Sdiv
        | AluOp::Lsh
        | AluOp::Rsh
        | AluOp::Mod
        | AluOp::Smod
        | AluOp::Arsh => return Err(Reason::PointerOperator { reg: dst, op }),
    };
    check_offset(&moved, i64::from(moved.offset), &moved.var)?;
    if pointer.to == Region::Arena {
        return Ok(Some(RegState::arena()));
    }
    Ok(Some(RegState::Pointer(moved)))
}

/// Which way a pointer is moved.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

fn add(pointer: &Pointer, by: &Scalar, direction: Direction) -> Pointer {
    let fixed = by.as_constant().and_then(|by| {
        let by = by.cast_signed();
        let sum = match direction {
            Direction::Up => i64::from(pointer.offset).checked_add(by),
            Direction::Down => i64::from(pointer.offset).checked_sub(by),
        };
        i32::try_from(sum?).ok()
    });
    if let Some(offset) = fixed {
        return Pointer { offset, ..*pointer };
    }
    let op = match direction {
        Direction::Up => AluOp::Add,
        Direction::Down => AluOp::Sub,
    };
    // What was learnt of the packet holds for the old variable part.
    let to = pointer.to.packet().map_or(pointer.to, |(from, _)| Region::Packet { from, range: 0 });
    Pointer { to, var: Scalar::alu(op, Width::W64, &pointer.var, by), id: Identity::NONE, ..*pointer }
}

/// Offsets stay far from where sums of them could wrap.
fn check_offset(pointer: &Pointer, fixed: i64, by: &Scalar) -> Result<(), Reason> {
    let far = |offset: i64| !(-MAX_OFFSET + 1..MAX_OFFSET).contains(&offset);
    let kind = || pointer.kernel_name();
    if let Some(by) = by.as_constant().map(u64::cast_signed).filter(|by| far(*by)) {
        return Err(Reason::FarOffset { kind: kind(), by });
    }
    if far(fixed) {
        return Err(Reason::FarPointer { kind: kind(), offset: fixed });
    }
    let least = by.smin();
    if least == i64::MIN {
        return Err(Reason::UnboundedOffset { kind: kind() });
    }
    if far(least) {
        return Err(Reason::OffsetOutOfBounds { kind: kind(), least });
    }
    Ok(())
}
