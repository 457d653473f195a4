//! Memory that a call hands to its callee: is all of it there, initialised, and allowed for what the callee does?

use opswap_bpf::insn::Reg;
use opswap_bpf::proto::{MemAccess, MemInit, Nullness};
use opswap_bpf::{MapId, RefId};

use super::{bounds, grants, map, object, packet, stack};
use crate::demand::{Access, Halves};
use crate::host::{Aliasing, PointerLeaks};
use crate::reject::{Bounded, Direction, Reason, StackUse};
use crate::state::{Byte, Pointer, RegState, Region, Stack, Trust, VerifierState};
use crate::subject::Subject;

/// What a call asks of a memory argument.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demanded {
    pub(crate) reg: Reg,
    /// Bytes, at most.
    pub(crate) size: u32,
    pub(crate) access: MemAccess,
    pub(crate) init: MemInit,
}

/// Memory that the callee sees during the call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Extent {
    pub(crate) reg: Reg,
    space: Space,
    /// First byte within the space, at least.
    start: i64,
    /// One past the last byte within the space, at most.
    end: i64,
    access: MemAccess,
    /// Whether every byte of the extent is touched, or an unknown part.
    exact: stack::Exactness,
    /// What becomes of the contents.
    contents: Contents,
    /// What the memory was borrowed from.
    pub(crate) root: Option<RefId>,
}

/// What a call does with what its memory held before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Contents {
    /// It may read it.
    Read,
    /// It replaces all of it unseen.
    Replaced,
}

/// Where offsets of two extents can be compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Space {
    Stack(u8),
    Context,
    Map(MapId),
    /// A value of a map that was found in another one: it may be any map of that shape.
    InnerMap,
    Key(MapId),
    /// Memory of the host: any two may be the same.
    Host,
}

impl Extent {
    /// Whether both may name the same byte and the callee writes one of them.
    pub(crate) fn conflicts(&self, other: &Self) -> bool {
        let written = self.access != MemAccess::Read || other.access != MemAccess::Read;
        let overlap = self.start < other.end && other.start < self.end;
        let empty = self.start >= self.end || other.start >= other.end;
        let meet = match (self.space, other.space) {
            (Space::Host, Space::Host) => true,
            // What lies behind a context or map pointer belongs to the host, too.
            (Space::Host, Space::Context) | (Space::Context, Space::Host) => true,
            (Space::InnerMap, Space::InnerMap | Space::Map(_)) | (Space::Map(_), Space::InnerMap) => overlap,
            (
                Space::Stack(_)
                | Space::Context
                | Space::Map(_)
                | Space::InnerMap
                | Space::Key(_)
                | Space::Host,
                _,
            ) => self.space == other.space && overlap,
        };
        written && meet && !empty
    }

    /// The stack that the call accesses, if it is the program's stack.
    pub(crate) fn stack_access(&self, subject: &Subject<'_>) -> Option<Access> {
        let Space::Stack(frame) = self.space else { return None };
        let touched = Halves::touched(self.start, self.end);
        let writes = if self.access == MemAccess::Read { Halves::NONE } else { touched };
        let replaced = self.contents == Contents::Replaced;
        let whole = subject.policy.leaks == PointerLeaks::Allowed
            || self.start.rem_euclid(8) == 0 && self.end.rem_euclid(8) == 0;
        Some(if replaced && whole {
            Access { frame, reads: Halves::NONE, writes, kills: Halves::covered(self.start, self.end) }
        } else {
            let reads = Halves::slots_touched(self.start, self.end);
            Access { frame, reads, writes, kills: Halves::NONE }
        })
    }

    /// Whether bytes `from..to` of a frame's stack are among them.
    pub(crate) fn meets_stack(&self, frame: u8, from: i64, to: i64) -> bool {
        self.space == Space::Stack(frame) && self.start < to && from < self.end
    }

    /// Whether it lies on the program's own stack.
    pub(crate) fn is_stack(&self) -> bool {
        matches!(self.space, Space::Stack(_))
    }

    /// Whether it is memory that a pointer of another kind must not reach: the program's own stack, and keys, which end with a callback.
    pub(crate) fn is_tracked(&self) -> bool {
        match self.space {
            Space::Stack(_) | Space::Key(_) => true,
            Space::Context | Space::Map(_) | Space::InnerMap | Space::Host => false,
        }
    }

    /// The call's effect on the program's own stack: what the callee may have written is some number.
    ///
    /// `gone` is what slices of overwritten dynptrs become.
    pub(crate) fn apply(&self, state: &mut VerifierState, gone: RegState) {
        let Space::Stack(frame) = self.space else { return };
        if self.access == MemAccess::Read {
            return;
        }
        state.disturb(frame, self.start, self.end, gone);
        let Some(stack) = state.stack_mut(frame) else { return };
        let bytes = u32::try_from(self.end - self.start).unwrap_or(0);
        match self.exact {
            stack::Exactness::Exact => stack.fill(self.start, bytes, Byte::Misc),
            stack::Exactness::Variable => stack.smear(self.start, bytes, Byte::Misc),
        }
    }
}

/// The two directions, as far as the callee uses them.
fn directions(access: MemAccess, init: MemInit) -> impl Iterator<Item = Direction> {
    let reads = match (access, init) {
        (MemAccess::Read | MemAccess::ReadWrite, MemInit::Required) => Some(Direction::Read),
        // The callee fills it in before it reads.
        (_, MemInit::Provided) | (MemAccess::Write, MemInit::Required) => None,
    };
    let writes = (access != MemAccess::Read).then_some(Direction::Write);
    reads.into_iter().chain(writes)
}

/// Judges a memory argument.
pub(crate) fn check(
    subject: &Subject<'_>,
    state: &VerifierState,
    demanded: Demanded,
) -> Result<Extent, Reason> {
    let Demanded { reg, size, access, init } = demanded;
    let pointer = match state.reg(reg) {
        RegState::NotInit => return Err(Reason::NotReadable { reg }),
        RegState::Pointer(pointer) if pointer.null == Nullness::NonNull => pointer,
        other @ (RegState::Pointer(_) | RegState::Scalar(_)) => {
            return Err(Reason::WrongArgument { reg, kind: other.kernel_name(), expected: MEMORY });
        }
    };
    let wrong = || Reason::WrongArgument { reg, kind: pointer.kernel_name(), expected: MEMORY };
    let mut exact = stack::Exactness::Variable;
    let space = match pointer.to {
        Region::Stack(frame) => {
            let span = check_stack(subject, state, pointer, frame, demanded)?;
            exact = span.exact;
            let (start, end) = (span.start, span.start + i64::from(span.bytes));
            let replaced =
                init == MemInit::Provided && exact == stack::Exactness::Exact && access != MemAccess::Read;
            let contents = if replaced { Contents::Replaced } else { Contents::Read };
            let space = Space::Stack(frame);
            return Ok(Extent { reg, space, start, end, access, exact, contents, root: None });
        }
        Region::MapValue(id) => {
            let proto = subject.map(id)?;
            for direction in directions(access, init) {
                map::check_span(pointer, proto, reg, 0, size, direction)?;
            }
            if subject.is_inner(id) { Space::InnerMap } else { Space::Map(id) }
        }
        Region::MapKey(id) => {
            if access != MemAccess::Read {
                return Err(Reason::MapKeyWrite { reg });
            }
            bounds::check_span(pointer, reg, 0, size, subject.map(id)?.key_size, Bounded::MapKey)?;
            Space::Key(id)
        }
        Region::Memory { size: limit, access: granted } => {
            for direction in directions(access, init) {
                bounds::check_direction(reg, pointer, granted, direction)?;
            }
            bounds::check_span(pointer, reg, 0, size, limit, Bounded::Memory)?;
            Space::Host
        }
        Region::Context => {
            let (limit, granted) = super::context::memory(subject).ok_or_else(wrong)?;
            if !directions(access, init).all(|direction| grants(granted, direction)) {
                return Err(Reason::WriteToReadOnly { reg, kind: pointer.kernel_name() });
            }
            bounds::check_span(pointer, reg, 0, size, limit, Bounded::Context)?;
            Space::Context
        }
        Region::Packet { range, .. } => {
            if access != MemAccess::Read {
                packet::check_writable(subject)?;
            }
            packet::check_span(pointer, reg, 0, size, range)?;
            Space::Host
        }
        // A host that shares what it gives may change it meanwhile: its helpers know.
        Region::Object(ty)
            if pointer.trust == Trust::Trusted
                && subject.policy.aliasing == Aliasing::Shared
                && access == MemAccess::Read =>
        {
            object::check_bytes(subject, pointer, ty, reg, size)?;
            Space::Host
        }
        Region::Object(_)
        | Region::Allocated(_)
        | Region::MapPtr(_)
        | Region::Func(_)
        | Region::Dynptr(_)
        | Region::Probed
        | Region::Arena
        | Region::PacketEnd
        | Region::Record { .. } => return Err(wrong()),
    };
    let start = i64::from(pointer.offset).saturating_add(pointer.var.smin());
    let last = i64::from(pointer.offset).saturating_add(pointer.var.smax());
    let end = last.saturating_add(i64::from(size));
    let (contents, root) = (Contents::Read, pointer.trust.root());
    Ok(Extent { reg, space, start, end, access, exact, contents, root })
}

/// What the kernel lists where memory is expected.
const MEMORY: &str = "fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_";

fn check_stack(
    subject: &Subject<'_>,
    state: &VerifierState,
    pointer: &Pointer,
    frame: u8,
    demanded: Demanded,
) -> Result<stack::Span, Reason> {
    let Demanded { reg, size, access, init } = demanded;
    // Nothing is touched: any address within or at the end of the stack will do.
    let span = stack::check_span(subject, pointer, reg, 0, size.max(1), StackUse::Argument)?;
    if size == 0 {
        return Ok(stack::Span { bytes: 0, ..span });
    }
    let empty = Stack::default();
    let stack = state.stack(frame).unwrap_or(&empty);
    let provided = init == MemInit::Provided && span.exact == stack::Exactness::Exact;
    if provided {
        let mut objects = stack.objects_within(span.start, span.start + i64::from(span.bytes));
        if let Some(dynptr) = objects.find(|object| object.kind.as_dynptr().is_some()) {
            return Err(Reason::WritesDynptr { offset: dynptr.offset.max(span.start) });
        }
        // The callee writes all of it; but half a pointer must not stay behind.
        return check_not_cut(subject, stack, span).map(|()| span);
    }
    let uninit = |at| match span.exact {
        stack::Exactness::Exact => Reason::UninitialisedArgument { reg, offset: span.start, at, size },
        stack::Exactness::Variable => Reason::UninitialisedVariableStack {
            reg,
            usage: StackUse::Argument,
            var: pointer.var_text(),
            at,
            size,
        },
    };
    stack::check_initialised(subject, stack, span, uninit)?;
    if access != MemAccess::Read {
        check_not_cut(subject, stack, span)?;
    }
    Ok(span)
}

/// No spilled pointer lies partly within the span.
fn check_not_cut(subject: &Subject<'_>, stack: &Stack, span: stack::Span) -> Result<(), Reason> {
    if subject.policy.leaks == PointerLeaks::Allowed {
        return Ok(());
    }
    let end = span.start + i64::from(span.bytes);
    let cut = |at: i64| {
        let from = at - at.rem_euclid(8);
        let whole = from >= span.start && from + 8 <= end && span.exact == stack::Exactness::Exact;
        !whole && stack.covering(at).is_some_and(|(slot, _)| slot.holds_pointer())
    };
    if (span.start..end).any(cut) { Err(Reason::CorruptsSpill) } else { Ok(()) }
}
