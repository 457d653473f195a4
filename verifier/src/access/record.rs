//! Loads from records of the host, by their table of fields.

use opswap_bpf::RecordId;
use opswap_bpf::insn::Extend;
use opswap_bpf::proto::MemAccess;

use super::{Place, number};
use crate::reject::Reason;
use crate::state::{Pointer, RegState};
use crate::subject::Subject;

pub(super) fn check_read(
    subject: &Subject<'_>,
    pointer: &Pointer,
    place: Place,
    extend: Extend,
    id: RecordId,
    name: &'static str,
) -> Result<RegState, Reason> {
    let size = place.size.bytes();
    let offset = pointer.fixed_offset().and_then(|fixed| fixed.checked_add(i64::from(place.offset)));
    let refused =
        || Reason::InvalidRecordAccess { reg: place.base, name, offset: offset.unwrap_or(i64::MIN), size };
    let offset = offset.and_then(|offset| u32::try_from(offset).ok()).ok_or_else(refused)?;
    let fields = subject.host.record(id).map_or(&[][..], |record| &record.fields);
    let before = fields.partition_point(|field| field.offset <= offset);
    let field = before.checked_sub(1).and_then(|at| fields.get(at)).ok_or_else(refused)?;
    if !field.narrow.permits(field.size, offset - field.offset, size, MemAccess::Read) {
        return Err(refused());
    }
    Ok(number(place.size, extend))
}
