//! May `size` bytes at a pointer be read or written, and what does a read give? Shared by loads, stores and calls.
//!
//! | file | owns |
//! |---|---|
//! | `bounds` | offsets against a known size; alignment |
//! | `stack` | the program's stack |
//! | `context` | the program's context |
//! | `object` | fields of host objects, by BTF |
//! | `map` | values and keys of maps |
//! | `allocated` | objects that the program allocated |
//! | `field` | special fields in the way of a load or store |
//! | `packet` | the packet behind a context |
//! | `record` | records of the host |
//! | `argument` | memory passed to a call |

mod allocated;
pub(crate) mod argument;
mod bounds;
mod context;
pub(crate) mod field;
mod map;
pub(crate) mod object;
mod packet;
mod record;
pub(crate) mod stack;

use opswap_bpf::insn::{Extend, Reg, Size, Width};
use opswap_bpf::proto::{MemAccess, Nullness};
use opswap_bpf::{MapId, TypeRef};

use crate::domain::Scalar;
use crate::host::{PointerLeaks, UntrustedReads};
use crate::reject::{Direction, Reason};
use crate::state::{Pointer, RegState, Region, VerifierState};
use crate::subject::Subject;
use field::Stored;

/// `size` bytes at `base + offset`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) base: Reg,
    pub(crate) offset: i16,
    pub(crate) size: Size,
}

/// Whether an access must be aligned to its size whatever it points to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Alignment {
    /// As the region asks.
    Ordinary,
    /// Always (atomic accesses).
    Natural,
}

/// A write that was found legal: what it does to the state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Write {
    /// To a known place of a frame's stack.
    Stack { frame: u8, offset: i64 },
    /// Somewhere within `span` bytes of a frame's stack.
    StackSomewhere { frame: u8, offset: i64, span: u32 },
    /// To memory whose contents the verifier does not follow.
    Untracked,
}

/// The pointer in a register, ready to be followed.
fn pointer_in(state: &VerifierState, place: Place) -> Result<&Pointer, Reason> {
    match state.reg(place.base) {
        RegState::NotInit => Err(Reason::NotReadable { reg: place.base }),
        RegState::Scalar(_) => Err(Reason::InvalidMemAccess { reg: place.base, kind: "scalar".into() }),
        RegState::Pointer(pointer) if pointer.null == Nullness::Nullable => {
            Err(Reason::NullAccess { reg: place.base, kind: pointer.kernel_name() })
        }
        RegState::Pointer(pointer) => Ok(pointer),
    }
}

/// The register holds memory that cannot be followed at all.
fn opaque(place: Place, pointer: &Pointer) -> Reason {
    Reason::InvalidMemAccess { reg: place.base, kind: pointer.kernel_name() }
}

/// Judges a load and says what it gives. Nullable pointers come without identity.
pub(crate) fn check_read(
    subject: &Subject<'_>,
    state: &VerifierState,
    place: Place,
    extend: Extend,
    alignment: Alignment,
) -> Result<RegState, Reason> {
    let pointer = pointer_in(state, place)?;
    bounds::check_alignment(subject, pointer, place, alignment)?;
    match pointer.to {
        Region::Stack(frame) => stack::check_read(subject, state, pointer, frame, place, extend),
        Region::Context => context::check_read(subject, state, pointer, place, extend),
        Region::MapValue(map) => map::check_read(subject, state, pointer, map, (place, alignment), extend),
        Region::MapKey(map) => {
            let limit = subject.map(map)?.key_size;
            bounds::check(pointer, place, limit, bounds::Kind::MapKey)?;
            Ok(number(place.size, extend))
        }
        Region::Memory { size, access } => {
            bounds::check_direction(place.base, pointer, access, Direction::Read)?;
            bounds::check(pointer, place, size, bounds::Kind::Memory)?;
            Ok(number(place.size, extend))
        }
        Region::Object(ty) => object::check_read(subject, state, pointer, ty, place, extend),
        Region::Packet { range, .. } => {
            packet::check(pointer, place, range)?;
            Ok(number(place.size, extend))
        }
        Region::Record { id, name } => record::check_read(subject, pointer, place, extend, id, name),
        Region::Allocated(ty) => allocated::check_read(subject, pointer, ty, place, extend),
        Region::MapPtr(map) => {
            let ty = map_object(subject, map)?.ok_or_else(|| opaque(place, pointer))?;
            let offset = i64::from(pointer.offset) + i64::from(place.offset);
            if offset < 0 {
                let ty = object::type_name(subject, ty);
                return Err(Reason::MapObjectNegative { reg: place.base, ty, offset });
            }
            object::check_read(subject, state, pointer, ty, place, extend)
        }
        Region::Probed if subject.policy.untrusted_reads == UntrustedReads::Probed => {
            Ok(number(place.size, extend))
        }
        Region::Arena => Ok(number(place.size, extend)),
        Region::Func(_) | Region::PacketEnd | Region::Dynptr(_) | Region::Probed => {
            Err(opaque(place, pointer))
        }
    }
}

/// The type of the object that a map is, where the host lets programs look.
fn map_object(subject: &Subject<'_>, map: MapId) -> Result<Option<TypeRef>, Reason> {
    Ok(subject.host.map_object(subject.map(map)?.kind))
}

/// Judges a store of `value`.
pub(crate) fn check_write(
    subject: &Subject<'_>,
    state: &VerifierState,
    place: Place,
    stored: Stored<'_>,
    alignment: Alignment,
) -> Result<Write, Reason> {
    let value = stored.value;
    let pointer = pointer_in(state, place)?;
    bounds::check_alignment(subject, pointer, place, alignment)?;
    match pointer.to {
        Region::Stack(frame) => return stack::check_write(subject, state, pointer, frame, place, value),
        Region::MapKey(_) => return Err(Reason::MapKeyWrite { reg: place.base }),
        Region::MapPtr(map) => {
            return Err(match map_object(subject, map)? {
                Some(ty) => Reason::MapObjectWrite { ty: object::type_name(subject, ty) },
                None => opaque(place, pointer),
            });
        }
        Region::Func(_) | Region::PacketEnd | Region::Dynptr(_) => return Err(opaque(place, pointer)),
        Region::Packet { range, .. } => {
            packet::check_writable(subject)?;
            packet::check(pointer, place, range)?;
        }
        Region::Record { .. } | Region::Probed => {
            return Err(Reason::WriteToReadOnly { reg: place.base, kind: pointer.kernel_name() });
        }
        Region::Arena => {}
        Region::Context => context::check_write(subject, pointer, place)?,
        Region::MapValue(map) => {
            if map::check_write(subject, pointer, map, (place, alignment), stored)? == map::Holds::Kptr {
                return Ok(Write::Untracked);
            }
        }
        Region::Memory { size, access } => {
            bounds::check_direction(place.base, pointer, access, Direction::Write)?;
            bounds::check(pointer, place, size, bounds::Kind::Memory)?;
        }
        Region::Object(ty) => object::check_write(subject, pointer, ty, place)?,
        Region::Allocated(ty) => allocated::check_write(subject, pointer, ty, place)?,
    }
    match value {
        RegState::Pointer(leaked) if subject.policy.leaks == PointerLeaks::Refused => {
            Err(Reason::AddressStored {
                base: place.base,
                into: pointer.leak_target(),
                what: leaked.kernel_name(),
            })
        }
        RegState::NotInit | RegState::Scalar(_) | RegState::Pointer(_) => Ok(Write::Untracked),
    }
}

/// Whether the context is plain memory.
pub(crate) fn has_plain_context(subject: &Subject<'_>) -> bool {
    context::memory(subject).is_some()
}

/// Where a callee writes a number of `size` bytes, if that is one: aligned to its size.
pub(crate) fn check_number_alignment(
    subject: &Subject<'_>,
    state: &VerifierState,
    base: Reg,
    size: u32,
) -> Result<(), Reason> {
    let size = match size {
        4 => Size::W,
        8 => Size::DW,
        _ => return Ok(()),
    };
    match state.reg(base) {
        RegState::Pointer(pointer) => {
            bounds::check_alignment(subject, pointer, Place { base, offset: 0, size }, Alignment::Natural)
        }
        RegState::NotInit | RegState::Scalar(_) => Ok(()),
    }
}

/// Any number of this size.
fn number(size: Size, extend: Extend) -> RegState {
    RegState::scalar(Scalar::from_load(size, extend))
}

/// What a load of `size` bytes gives when the bytes are the low ones of `value`.
fn resized(value: Scalar, size: Size, extend: Extend) -> Scalar {
    match extend {
        Extend::Zero => value.truncate(size),
        Extend::Sign => value.sign_extended_from(size.bits(), Width::W64),
    }
}

impl Pointer {
    /// The word for what an address must not be stored into.
    fn leak_target(&self) -> &'static str {
        match self.to {
            Region::Context => "ctx",
            Region::MapValue(_) | Region::MapKey(_) | Region::MapPtr(_) => "map",
            Region::Memory { .. } | Region::Probed | Region::Arena => "mem",
            Region::Object(_) | Region::Allocated(_) => "object",
            Region::Packet { .. } | Region::PacketEnd => "pkt",
            Region::Record { .. } => "object",
            Region::Stack(_) | Region::Func(_) | Region::Dynptr(_) => "stack",
        }
    }
}

/// Whether an access that `granted` allows includes `wanted`.
pub(crate) fn grants(granted: MemAccess, wanted: Direction) -> bool {
    match (granted, wanted) {
        (MemAccess::ReadWrite, _)
        | (MemAccess::Read, Direction::Read)
        | (MemAccess::Write, Direction::Write) => true,
        (MemAccess::Read, Direction::Write) | (MemAccess::Write, Direction::Read) => false,
    }
}
