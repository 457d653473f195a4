//! Loads from and stores to the program's context, by its layout.

use opswap_bpf::btf::Signedness;
use opswap_bpf::insn::{Extend, Size};
use opswap_bpf::proto::{ContextArg, ContextField, ContextLayout, ContextValue, Demand, MemAccess, Nullness};

use super::{Place, bounds, grants, resized};
use crate::domain::Scalar;
use crate::reject::{ContextFault, Direction, Reason};
use crate::state::{PacketOrigin, Pointer, RegState, Region, Trust, VerifierState};
use crate::subject::Subject;

/// The access of a place, as an offset into the context.
struct Access {
    offset: i64,
    size: Size,
}

impl Access {
    fn refused(&self, fault: ContextFault) -> Reason {
        Reason::InvalidContextAccess { offset: self.offset, size: self.size.bytes(), fault }
    }
}

/// The context itself must not have been moved.
fn check_unmodified(pointer: &Pointer, place: Place) -> Result<Access, Reason> {
    let kind = || pointer.kernel_name();
    if pointer.offset < 0 {
        return Err(Reason::NegativeOffset { reg: place.base, kind: kind(), offset: pointer.offset });
    }
    if pointer.offset != 0 {
        return Err(Reason::ModifiedPointer { reg: place.base, kind: kind(), offset: pointer.offset });
    }
    if pointer.var.as_constant() != Some(0) {
        return Err(Reason::VariableAccess { kind: kind(), var: pointer.var_text() });
    }
    Ok(Access { offset: i64::from(place.offset), size: place.size })
}

pub(super) fn check_read(
    subject: &Subject<'_>,
    state: &VerifierState,
    pointer: &Pointer,
    place: Place,
    extend: Extend,
) -> Result<RegState, Reason> {
    match &subject.entry.context {
        ContextLayout::Memory { size, access } | ContextLayout::Buffer { size, access } => {
            bounds::check_direction(place.base, pointer, *access, Direction::Read)?;
            bounds::check(pointer, place, *size, bounds::Kind::Context)?;
            Ok(super::number(place.size, extend))
        }
        ContextLayout::Args(args) => {
            let access = check_unmodified(pointer, place)?;
            read_argument(subject, state, args, &access, extend)
        }
        ContextLayout::Fields(fields) => {
            let access = check_unmodified(pointer, place)?;
            let (index, field) = find_field(fields, &access, Direction::Read)?;
            let whole = access.offset == i64::from(field.offset)
                && access.size.bytes() == field.size
                && extend == Extend::Zero;
            value(subject, state, &field.value, field.null, index, &access, extend).and_then(|value| {
                match value {
                    RegState::Pointer(_) if !whole => Err(access.refused(ContextFault::Forbidden)),
                    RegState::NotInit | RegState::Scalar(_) | RegState::Pointer(_) => Ok(value),
                }
            })
        }
        ContextLayout::None => {
            let access = check_unmodified(pointer, place)?;
            Err(access.refused(ContextFault::Forbidden))
        }
    }
}

pub(super) fn check_write(subject: &Subject<'_>, pointer: &Pointer, place: Place) -> Result<(), Reason> {
    match &subject.entry.context {
        ContextLayout::Memory { size, access } | ContextLayout::Buffer { size, access } => {
            bounds::check_direction(place.base, pointer, *access, Direction::Write)?;
            bounds::check(pointer, place, *size, bounds::Kind::Context)
        }
        ContextLayout::Fields(fields) => {
            let access = check_unmodified(pointer, place)?;
            let (_, field) = find_field(fields, &access, Direction::Write)?;
            match field.value {
                ContextValue::Scalar { .. } => Ok(()),
                ContextValue::Object { .. }
                | ContextValue::Memory { .. }
                | ContextValue::PacketStart
                | ContextValue::PacketMeta
                | ContextValue::PacketEnd
                | ContextValue::Record { .. } => Err(access.refused(ContextFault::Forbidden)),
            }
        }
        ContextLayout::None | ContextLayout::Args(_) => {
            let access = check_unmodified(pointer, place)?;
            Err(access.refused(ContextFault::Forbidden))
        }
    }
}

/// Slot `i` holds argument `i`: a number may be read in part, from the start of its slot, anything else only whole.
fn read_argument(
    subject: &Subject<'_>,
    state: &VerifierState,
    args: &[ContextArg],
    access: &Access,
    extend: Extend,
) -> Result<RegState, Reason> {
    let func = || subject.entry.name.clone();
    let offset = usize::try_from(access.offset).map_err(|_| access.refused(ContextFault::Forbidden))?;
    if offset % 8 != 0 {
        return Err(access.refused(ContextFault::NotASlot { func: func(), offset: access.offset }));
    }
    let number = offset / 8;
    let Some((arg, index)) = args.get(number).zip(u8::try_from(number).ok()) else {
        return Err(access.refused(ContextFault::NoArgument { func: func(), number: number + 1 }));
    };
    let value = value(subject, state, &arg.value, arg.null, index, access, extend)?;
    if matches!(value, RegState::Pointer(_)) && access.size != Size::DW {
        return Err(access.refused(ContextFault::PartOfPointer { func: func(), size: access.size.bytes() }));
    }
    Ok(value)
}

fn find_field<'f>(
    fields: &'f [ContextField],
    access: &Access,
    direction: Direction,
) -> Result<(u8, &'f ContextField), Reason> {
    let refused = || access.refused(ContextFault::Forbidden);
    let offset = u32::try_from(access.offset).map_err(|_| refused())?;
    let size = access.size.bytes();
    let index = fields.partition_point(|field| field.offset <= offset).checked_sub(1).ok_or_else(refused)?;
    let field = &fields[index];
    let within = offset - field.offset;
    let wanted = match direction {
        Direction::Read => MemAccess::Read,
        Direction::Write => MemAccess::Write,
    };
    if !grants(field.access, direction) || !field.narrow.permits(field.size, within, size, wanted) {
        return Err(refused());
    }
    Ok((u8::try_from(index).map_err(|_| refused())?, field))
}

/// What a read gives; `index` names the argument or field, for what it owns.
fn value(
    subject: &Subject<'_>,
    state: &VerifierState,
    value: &ContextValue,
    null: Nullness,
    index: u8,
    access: &Access,
    extend: Extend,
) -> Result<RegState, Reason> {
    let root = || {
        let live = state.refs().of_argument(index).map(|reference| reference.id);
        live.ok_or_else(|| access.refused(ContextFault::Released))
    };
    Ok(RegState::Pointer(match value {
        ContextValue::Scalar { size, signed } => {
            let declared = match signed {
                Signedness::Unsigned => Extend::Zero,
                Signedness::Signed => Extend::Sign,
            };
            return Ok(RegState::scalar(resized(Scalar::from_load(*size, declared), access.size, extend)));
        }
        ContextValue::Object { ty, demand } => {
            let trust = match demand {
                Demand::Trusted => Trust::Trusted,
                Demand::Rcu => Trust::Rcu,
                Demand::Untrusted => subject.policy.walked(),
                Demand::Exclusive => Trust::Exclusive(root()?),
                Demand::Owned => Trust::Owned(root()?),
            };
            Pointer::new(Region::Object(*ty)).held(trust).nullable(null)
        }
        ContextValue::Memory { size, access } => {
            Pointer::new(Region::Memory { size: *size, access: *access }).nullable(null)
        }
        ContextValue::PacketStart => Pointer::new(Region::Packet { from: PacketOrigin::Start, range: 0 }),
        ContextValue::PacketMeta => Pointer::new(Region::Packet { from: PacketOrigin::Meta, range: 0 }),
        ContextValue::PacketEnd => Pointer::new(Region::PacketEnd),
        ContextValue::Record { id, demand } => {
            let record = subject.host.record(*id);
            let name = record.ok_or(Reason::Internal { what: "a context names an unknown record" })?.name;
            let trust = match demand {
                Demand::Owned => Trust::Owned(root()?),
                Demand::Trusted | Demand::Rcu | Demand::Untrusted | Demand::Exclusive => Trust::Trusted,
            };
            Pointer::new(Region::Record { id: *id, name }).held(trust).nullable(null)
        }
    }))
}

/// The context as plain memory, if it is: its size and what programs may do.
pub(super) fn memory(subject: &Subject<'_>) -> Option<(u32, MemAccess)> {
    match &subject.entry.context {
        ContextLayout::Memory { size, access } | ContextLayout::Buffer { size, access } => {
            Some((*size, *access))
        }
        ContextLayout::None | ContextLayout::Args(_) | ContextLayout::Fields(_) => None,
    }
}
