//! Loads from and stores to map values: bounds, the map's permissions, special fields, frozen contents.

use opswap_bpf::insn::{Extend, Reg};
use opswap_bpf::map::{BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG, KptrKind, SpecialField};
use opswap_bpf::{MapId, MapProto};

use super::{Place, bounds, resized};
use crate::domain::Scalar;
use crate::reject::{Direction, Reason};
use crate::state::{Pointer, RegState};
use crate::subject::Subject;

pub(super) fn check_read(
    subject: &Subject<'_>,
    pointer: &Pointer,
    map: MapId,
    place: Place,
    extend: Extend,
) -> Result<RegState, Reason> {
    let map = subject.map(map)?;
    let size = place.size.bytes();
    check_span(pointer, map, place.base, i64::from(place.offset), size, Direction::Read)?;
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
    place: Place,
) -> Result<(), Reason> {
    let map = subject.map(map)?;
    check_span(pointer, map, place.base, i64::from(place.offset), place.size.bytes(), Direction::Write)
}

/// `size` bytes at `pointer + offset` of a value may be used this way.
pub(super) fn check_span(
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
    bounds::check_span(pointer, reg, offset, size, map.value_size, bounds::Kind::MapValue)?;
    // Within bounds whatever the variable part is, so these sums are small.
    let start = fixed.saturating_add(pointer.var.smin());
    let end = fixed
        .saturating_add(i64::try_from(pointer.var.umax()).unwrap_or(i64::MAX))
        .saturating_add(i64::from(size));
    let touched = map.fields.iter().find(|field| {
        let field_end = i64::from(field.offset) + i64::from(field.size);
        start < field_end && i64::from(field.offset) < end
    });
    match touched {
        Some(field) => Err(Reason::SpecialFieldAccess { field: field_name(&field.field) }),
        None => Ok(()),
    }
}

/// The kernel's name of a special field.
pub(crate) fn field_name(field: &SpecialField) -> &'static str {
    match field {
        SpecialField::SpinLock => "bpf_spin_lock",
        SpecialField::ResSpinLock => "bpf_res_spin_lock",
        SpecialField::Timer => "bpf_timer",
        SpecialField::Workqueue => "bpf_wq",
        SpecialField::Refcount => "bpf_refcount",
        SpecialField::ListHead { .. } => "bpf_list_head",
        SpecialField::ListNode => "bpf_list_node",
        SpecialField::RbRoot { .. } => "bpf_rb_root",
        SpecialField::RbNode => "bpf_rb_node",
        SpecialField::Kptr { kind, .. } => match kind {
            KptrKind::Referenced | KptrKind::Unreferenced => "kptr",
            KptrKind::Percpu => "percpu_kptr",
            KptrKind::User => "uptr",
        },
    }
}
