//! Loads from and stores to the packet: a pointer knows how many bytes behind its variable part the packet has, from a
//! comparison with the packet's end.

use opswap_bpf::insn::Reg;
use opswap_bpf::proto::MemAccess;

use super::Place;
use crate::reject::Reason;
use crate::state::Pointer;
use crate::subject::Subject;

/// The access of `place` lies in the packet.
pub(super) fn check(pointer: &Pointer, place: Place, range: u16) -> Result<(), Reason> {
    check_span(pointer, place.base, i64::from(place.offset), place.size.bytes(), range)
}

/// `size` bytes at `pointer + offset` lie in the packet.
pub(super) fn check_span(
    pointer: &Pointer,
    reg: Reg,
    offset: i64,
    size: u32,
    range: u16,
) -> Result<(), Reason> {
    if pointer.var.smin() < 0 {
        return Err(Reason::MinNegative { reg });
    }
    // The range counts from the variable part: whatever that is, the comparison saw the same.
    let fixed = i64::from(pointer.offset) + offset;
    let inside = fixed >= 0 && fixed.checked_add(i64::from(size)).is_some_and(|end| end <= i64::from(range));
    if inside {
        return Ok(());
    }
    let (id, offset) = (pointer.id.base, pointer.offset);
    Err(Reason::OutsidePacket { reg, at: fixed, size, id, offset, range })
}

/// Programs of this kind may write the packet.
pub(super) fn check_writable(subject: &Subject<'_>) -> Result<(), Reason> {
    match subject.host.packet(&subject.program.kind).direct {
        Some(MemAccess::ReadWrite | MemAccess::Write) => Ok(()),
        Some(MemAccess::Read) | None => Err(Reason::PacketWrite),
    }
}
