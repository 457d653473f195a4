//! Offsets against a known size, and alignment.

use opswap_bpf::insn::Reg;
use opswap_bpf::program::LoadFlags;
use opswap_bpf::proto::MemAccess;

use super::{Alignment, Place, grants};
use crate::reject::{Direction, Reason, Side};
use crate::state::{Pointer, Region};
use crate::subject::Subject;

pub(crate) use crate::reject::Bounded as Kind;

/// Variable offsets at or beyond this are unbounded (Linux: `BPF_MAX_VAR_OFF`).
pub(crate) const MAX_VARIABLE_OFFSET: i64 = 1 << 29;

/// Where the first byte of a packet stands, modulo 4 (Linux: `NET_IP_ALIGN`).
const PACKET_SHIFT: i64 = 2;

/// The access of `place` lies within `0..limit` whatever the variable offset is.
pub(crate) fn check(pointer: &Pointer, place: Place, limit: u32, kind: Kind) -> Result<(), Reason> {
    check_span(pointer, place.base, i64::from(place.offset), place.size.bytes(), limit, kind)
}

/// `size` bytes at `pointer + offset` lie within `0..limit` whatever the variable offset is.
pub(crate) fn check_span(
    pointer: &Pointer,
    reg: Reg,
    offset: i64,
    size: u32,
    limit: u32,
    kind: Kind,
) -> Result<(), Reason> {
    // Both fit easily: an i32 and an i16.
    let fixed = i64::from(pointer.offset) + offset;
    let least = pointer.var.smin();
    // Not a position in memory at all.
    let low = least.checked_add(fixed).filter(|low| i32::try_from(*low).is_ok());
    if least < 0 && low.is_none_or(|low| low < 0) {
        return Err(Reason::MinNegative { reg });
    }
    let inside =
        |at: i64| at >= 0 && at.checked_add(i64::from(size)).is_some_and(|end| end <= i64::from(limit));
    let outside = |offset, side| Reason::OutOfBounds { reg, kind, limit, offset, size, side };
    match low {
        Some(low) if inside(low) => {}
        _ => return Err(outside(least.saturating_add(fixed), Side::Min)),
    }
    let most = pointer.var.umax();
    if most >= MAX_VARIABLE_OFFSET.cast_unsigned() {
        return Err(Reason::UnboundedAccess { reg });
    }
    let high = most.cast_signed() + fixed;
    if inside(high) { Ok(()) } else { Err(outside(high, Side::Max)) }
}

/// The memory may be used this way.
pub(crate) fn check_direction(
    reg: Reg,
    pointer: &Pointer,
    granted: MemAccess,
    wanted: Direction,
) -> Result<(), Reason> {
    if grants(granted, wanted) {
        return Ok(());
    }
    Err(match wanted {
        Direction::Write => Reason::WriteToReadOnly { reg, kind: pointer.kernel_name() },
        Direction::Read => Reason::ReadOfWriteOnly { reg, kind: pointer.kernel_name() },
    })
}

/// Stack accesses are always aligned, for slots are; others when the program or the access asks.
pub(crate) fn check_alignment(
    subject: &Subject<'_>,
    pointer: &Pointer,
    place: Place,
    alignment: Alignment,
) -> Result<(), Reason> {
    let strict = alignment == Alignment::Natural
        || matches!(pointer.to, Region::Stack(_))
        || subject.program.flags.contains(LoadFlags::STRICT_ALIGNMENT);
    let size = place.size.bytes();
    if !strict || size == 1 {
        return Ok(());
    }
    // A packet begins with a header of 14 bytes that network cards move 2 bytes off, so that what follows is aligned.
    let packet = if pointer.to.is_packet() { PACKET_SHIFT } else { 0 };
    let fixed = packet + i64::from(pointer.offset) + i64::from(place.offset);
    if is_aligned(pointer, fixed, size) {
        return Ok(());
    }
    Err(Reason::Misaligned {
        what: match pointer.to {
            Region::Stack(_) => "stack ",
            Region::Context => "context ",
            Region::MapValue(_) => "value ",
            Region::MapKey(_) => "key ",
            Region::Packet { .. } | Region::PacketEnd => "packet ",
            Region::MapPtr(_)
            | Region::Object(_)
            | Region::Allocated(_)
            | Region::Record { .. }
            | Region::Memory { .. }
            | Region::Dynptr(_)
            | Region::Probed
            | Region::Arena
            | Region::Func(_) => "",
        },
        var: if packet == 0 { pointer.var_text() } else { format!("{packet}+{}", pointer.var_text()) },
        fixed: pointer.offset,
        offset: place.offset,
        size,
    })
}

/// Whether `fixed` and the variable part together are a multiple of `size`, a power of two.
fn is_aligned(pointer: &Pointer, fixed: i64, size: u32) -> bool {
    let low = u64::from(size) - 1;
    let bits = pointer.var.tnum();
    bits.mask() & low == 0 && bits.value().wrapping_add(fixed.cast_unsigned()) & low == 0
}
