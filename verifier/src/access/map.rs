//! Loads from and stores to map values: bounds, the map's permissions, special fields, frozen contents.

use opswap_bpf::insn::{Extend, Reg};
use opswap_bpf::map::{BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG, SpecialField};
use opswap_bpf::{MapId, MapProto};

use super::field::Stored;
use super::{Alignment, Place, bounds, field, resized};
use crate::domain::Scalar;
use crate::reject::{Direction, KptrFault, Reason};
use crate::state::{Pointer, RegState, VerifierState};
use crate::subject::Subject;

pub(super) fn check_read(
    subject: &Subject<'_>,
    state: &VerifierState,
    pointer: &Pointer,
    map: MapId,
    (place, alignment): (Place, Alignment),
    extend: Extend,
) -> Result<RegState, Reason> {
    let map = subject.map(map)?;
    let size = place.size.bytes();
    check_bounds(pointer, map, place.base, i64::from(place.offset), size, Direction::Read)?;
    if let Some(touched) = field::touched(&map.fields, pointer, i64::from(place.offset), size) {
        let (ty, kind) = field::kptr(touched, pointer, place, alignment)?;
        return field::load(subject, state, ty, kind);
    }
    let frozen = pointer.fixed_offset().zip(map.frozen.as_ref()).and_then(|(offset, contents)| {
        let at = usize::try_from(offset.checked_add(i64::from(place.offset))?).ok()?;
        let bytes = contents.get(at..at.checked_add(size as usize)?)?;
        Some(bytes.iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte)))
    });
    Ok(match frozen {
        Some(value) => RegState::scalar(resized(Scalar::constant(value), place.size, extend)),
        None => super::number(place.size, extend),
    })
}

pub(super) fn check_write(
    subject: &Subject<'_>,
    pointer: &Pointer,
    map: MapId,
    (place, alignment): (Place, Alignment),
    stored: Stored<'_>,
) -> Result<Holds, Reason> {
    let map = subject.map(map)?;
    let (offset, size) = (i64::from(place.offset), place.size.bytes());
    check_bounds(pointer, map, place.base, offset, size, Direction::Write)?;
    let Some(touched) = field::touched(&map.fields, pointer, offset, size) else { return Ok(Holds::Bytes) };
    let kptr = field::kptr(touched, pointer, place, alignment)?;
    field::store(subject, touched, kptr, stored)?;
    Ok(Holds::Kptr)
}

/// What a store writes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Holds {
    /// Plain bytes.
    Bytes,
    /// A kptr, which holds an address by right.
    Kptr,
}

/// `size` bytes at `pointer + offset` of a value may be handed to a call that uses them this way.
pub(super) fn check_span(
    pointer: &Pointer,
    map: &MapProto,
    reg: Reg,
    offset: i64,
    size: u32,
    direction: Direction,
) -> Result<(), Reason> {
    check_bounds(pointer, map, reg, offset, size, direction)?;
    match field::touched(&map.fields, pointer, offset, size).map(|touched| touched.field) {
        None => Ok(()),
        Some(kptr @ SpecialField::Kptr { .. }) => {
            Err(Reason::Kptr { fault: KptrFault::Indirect { field: kptr.type_name() } })
        }
        Some(other) => Err(Reason::SpecialFieldAccess { field: other.type_name() }),
    }
}

/// `size` bytes at `pointer + offset` of a value are there, and the map may be used this way.
fn check_bounds(
    pointer: &Pointer,
    map: &MapProto,
    reg: Reg,
    offset: i64,
    size: u32,
    direction: Direction,
) -> Result<(), Reason> {
    let fixed = i64::from(pointer.offset) + offset;
    let forbidden = match direction {
        // Frozen contents are constants to the verifier: they must stay so.
        Direction::Write => map.flags & BPF_F_RDONLY_PROG != 0 || map.frozen.is_some(),
        Direction::Read => map.flags & BPF_F_WRONLY_PROG != 0,
    };
    if forbidden {
        return Err(Reason::MapAccessForbidden {
            direction,
            value_size: map.value_size,
            offset: fixed,
            size,
        });
    }
    bounds::check_span(pointer, reg, offset, size, map.value_size, bounds::Kind::MapValue)
}
