//! Loads from and stores to the program's stack.
//!
//! A register spilled to an aligned slot comes back whole. Other bytes are numbers. An access at a variable offset may touch
//! every byte of its span: a read needs all of them, a write leaves none of them known.

use opswap_bpf::insn::{Extend, Reg, Size};

use super::{Place, Write};
use crate::domain::Scalar;
use crate::host::{PointerLeaks, UninitStack};
use crate::reject::{Direction, Reason, StackUse};
use crate::state::{
    Byte, Identity, Number, Pointer, Reference, RegState, Region, Slot, Stack, StackObject, VerifierState,
};
use crate::subject::Subject;

use super::bounds::MAX_VARIABLE_OFFSET;

/// Bytes of a stack that an access may touch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Span {
    /// First byte, relative to the frame pointer.
    pub(super) start: i64,
    /// Bytes.
    pub(super) bytes: u32,
    /// Whether the offset is known, so that the access touches exactly these.
    pub(super) exact: Exactness,
}

impl Span {
    /// These bytes, all of them.
    pub(crate) fn exactly(start: i64, bytes: u32) -> Self {
        Self { start, bytes, exact: Exactness::Exact }
    }
}

/// Whether an access touches all of its span.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exactness {
    /// All of it.
    Exact,
    /// Some part of it.
    Variable,
}

/// The span of `size` bytes at `pointer + offset`, within the stack.
pub(super) fn check_span(
    subject: &Subject<'_>,
    pointer: &Pointer,
    reg: Reg,
    offset: i64,
    size: u32,
    usage: StackUse,
) -> Result<Span, Reason> {
    let fixed = i64::from(pointer.offset) + offset;
    let (least, most, exact) = match pointer.var.as_constant() {
        Some(var) => (var.cast_signed(), var.cast_signed(), Exactness::Exact),
        None => (pointer.var.smin(), pointer.var.smax(), Exactness::Variable),
    };
    if most >= MAX_VARIABLE_OFFSET || least <= -MAX_VARIABLE_OFFSET {
        return Err(Reason::UnboundedStack { reg, usage });
    }
    let start = least + fixed;
    let end = most + fixed + i64::from(size);
    if start >= -i64::from(subject.limits.stack_bytes) && start < 0 && end <= 0 {
        let bytes = u32::try_from(end - start).unwrap_or(0);
        return Ok(Span { start, bytes, exact });
    }
    Err(match exact {
        Exactness::Exact => Reason::StackOutOfBounds { reg, usage, offset: start, size },
        Exactness::Variable => {
            Reason::VariableStackOutOfBounds { reg, usage, var: pointer.var_text(), offset: fixed, size }
        }
    })
}

/// Every byte of the span is a number that was written.
pub(super) fn check_initialised(
    subject: &Subject<'_>,
    stack: &Stack,
    span: Span,
    uninit: impl Fn(i64) -> Reason,
) -> Result<(), Reason> {
    for at in span.start..span.start + i64::from(span.bytes) {
        let (byte, pointer) = match stack.covering(at) {
            Some((slot, byte)) => (slot.bytes[byte], slot.holds_pointer()),
            None => (Byte::Invalid, false),
        };
        let readable = match byte {
            Byte::Misc | Byte::Zero => true,
            Byte::Invalid => subject.policy.uninit_stack == UninitStack::Allowed,
            Byte::Spill => !pointer || subject.policy.leaks == PointerLeaks::Allowed,
            Byte::Object => false,
        };
        if !readable {
            return Err(uninit(at - span.start));
        }
    }
    Ok(())
}

pub(super) fn check_read(
    subject: &Subject<'_>,
    state: &VerifierState,
    pointer: &Pointer,
    frame: u8,
    place: Place,
    extend: Extend,
) -> Result<RegState, Reason> {
    let offset = i64::from(place.offset);
    let bytes = place.size.bytes();
    let usage = StackUse::Direct(Direction::Read);
    let span = check_span(subject, pointer, place.base, offset, bytes, usage)?;
    let empty = Stack::default();
    let stack = state.stack(frame).unwrap_or(&empty);
    if span.exact == Exactness::Exact
        && let Some(slot) = stack.slot_at(span.start - span.start.rem_euclid(8))
    {
        let from = usize::try_from(span.start.rem_euclid(8)).unwrap_or(0);
        if let Some(value) = read_spill(slot, from, place.size, extend)? {
            return Ok(value);
        }
    }
    let uninit = |at| match span.exact {
        Exactness::Exact => Reason::UninitialisedStack { offset: span.start, at, size: bytes },
        Exactness::Variable => Reason::UninitialisedVariableStack {
            reg: place.base,
            usage,
            var: pointer.var_text(),
            at,
            size: bytes,
        },
    };
    check_initialised(subject, stack, span, uninit)?;
    let zero = (span.start..span.start + i64::from(span.bytes)).all(|at| is_zero(stack, at));
    Ok(if zero { RegState::constant(0) } else { super::number(place.size, extend) })
}

fn is_zero(stack: &Stack, at: i64) -> bool {
    match stack.covering(at) {
        None => false,
        Some((slot, byte)) => match slot.bytes[byte] {
            Byte::Zero => true,
            Byte::Spill => slot.spill.as_deref().is_some_and(RegState::is_null),
            Byte::Invalid | Byte::Misc | Byte::Object => false,
        },
    }
}

/// A read of bytes `from..from + size` of a slot that holds a spilled register; `None` when plain bytes are read.
fn read_spill(slot: &Slot, from: usize, size: Size, extend: Extend) -> Result<Option<RegState>, Reason> {
    let spilled = slot.spilled_bytes();
    let Some(reg) = slot.spill.as_deref().filter(|_| from < spilled) else { return Ok(None) };
    let bytes = size.bytes() as usize;
    match reg {
        RegState::NotInit => Ok(None),
        RegState::Pointer(_) if bytes == 8 => Ok(Some(*reg)),
        RegState::Pointer(_) => Err(Reason::PartialFill),
        RegState::Scalar(number) => {
            if from != 0 || bytes > spilled {
                return Ok(None);
            }
            let value = super::resized(number.value, size, extend);
            // A copy is the same number only if nothing was cut off.
            let id = if value == number.value { number.id } else { Identity::NONE };
            Ok(Some(RegState::Scalar(Number { value, id })))
        }
    }
}

pub(super) fn check_write(
    subject: &Subject<'_>,
    state: &VerifierState,
    pointer: &Pointer,
    frame: u8,
    place: Place,
    value: &RegState,
) -> Result<Write, Reason> {
    let offset = i64::from(place.offset);
    let bytes = place.size.bytes();
    let usage = StackUse::Direct(Direction::Write);
    let span = check_span(subject, pointer, place.base, offset, bytes, usage)?;
    check_keeps_dynptrs(state, frame, span)?;
    let stack = state.stack(frame);
    let refused = subject.policy.leaks == PointerLeaks::Refused;
    // What would be left of a pointer is a number that nobody may know.
    let mut cut = (span.start..span.start + i64::from(span.bytes))
        .filter_map(|at| stack?.covering(at))
        .filter(|(slot, _)| slot.holds_pointer());
    let whole = span.exact == Exactness::Exact && bytes == 8;
    // A compiler uses a slot again for a smaller number: what is left of the pointer counts as never written.
    let reused = span.exact == Exactness::Exact
        && span.start.rem_euclid(8) == 0
        && matches!(value, RegState::Scalar(_));
    if refused && !whole && !reused && cut.next().is_some() {
        return Err(Reason::CorruptsSpill);
    }
    if let RegState::Pointer(spilled) = value {
        if span.exact == Exactness::Variable && refused {
            return Err(Reason::AddressStored {
                base: place.base,
                into: "stack",
                what: spilled.kernel_name(),
            });
        }
        if span.exact == Exactness::Exact && bytes != 8 {
            return Err(Reason::PartialSpill);
        }
        if let Region::Stack(_) = spilled.to
            && frame != state.depth()
        {
            return Err(Reason::StackPointerIntoCaller);
        }
    }
    Ok(match span.exact {
        Exactness::Exact => Write::Stack { frame, offset: span.start },
        Exactness::Variable => Write::StackSomewhere { frame, offset: span.start, span: span.bytes },
    })
}

/// A dynptr that owns its memory must be released, not overwritten.
pub(crate) fn check_keeps_dynptrs(state: &VerifierState, frame: u8, span: Span) -> Result<(), Reason> {
    let Some(stack) = state.stack(frame) else { return Ok(()) };
    let mut touched = stack.objects_within(span.start, span.start + i64::from(span.bytes));
    let owns = |object: &StackObject| {
        let owner = object.kind.as_dynptr().and_then(|dynptr| dynptr.owner);
        owner.and_then(|owner| state.refs().get(owner)).is_some_and(Reference::is_owned)
    };
    if touched.any(owns) { Err(Reason::OverwritesDynptr) } else { Ok(()) }
}

/// Carries out a store that [`check_write`] found legal.
///
/// `gone` is what slices of overwritten dynptrs become.
pub(crate) fn apply_write(
    state: &mut VerifierState,
    write: Write,
    size: Size,
    value: RegState,
    gone: RegState,
) {
    match write {
        Write::Untracked => {}
        Write::Stack { frame, offset } => {
            let ended = state.disturb(frame, offset, offset + i64::from(size.bytes()), gone);
            // A slice that is stored over its own dynptr ends with it.
            let root = value.as_pointer().and_then(|pointer| pointer.trust.root());
            let value = if root.is_some_and(|root| ended.contains(&root)) { gone } else { value };
            let Some(stack) = state.stack_mut(frame) else { return };
            let aligned = offset.rem_euclid(8) == 0;
            match value {
                RegState::Pointer(_) if aligned && size == Size::DW => stack.spill(offset, 8, value),
                RegState::Scalar(number) if aligned => {
                    let kept = super::resized(number.value, size, Extend::Zero);
                    let id = if kept == number.value { number.id } else { Identity::NONE };
                    stack.spill(offset, size.bytes(), RegState::Scalar(Number { value: kept, id }));
                }
                RegState::Scalar(_) if value.is_null() => stack.fill(offset, size.bytes(), Byte::Zero),
                // Nobody may know the address that is there.
                RegState::NotInit => stack.fill(offset, size.bytes(), Byte::Invalid),
                RegState::Scalar(_) | RegState::Pointer(_) => stack.fill(offset, size.bytes(), Byte::Misc),
            }
        }
        Write::StackSomewhere { frame, offset, span } => {
            state.disturb(frame, offset, offset + i64::from(span), gone);
            let kind = if value.is_null() { Byte::Zero } else { Byte::Misc };
            if let Some(stack) = state.stack_mut(frame) {
                stack.smear(offset, span, kind);
            }
        }
    }
}

/// The constant that a store of an immediate writes.
pub(crate) fn immediate(imm: i32) -> Scalar {
    Scalar::constant(i64::from(imm).cast_unsigned())
}
