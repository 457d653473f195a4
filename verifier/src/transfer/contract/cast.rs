//! Calls that see a pointer as another type (`bpf_rdonly_cast`): what they give is never trusted.

use opswap_bpf::{BtfId, BtfSpace, BtfType, TypeRef};

use crate::reject::Reason;
use crate::state::Region;
use crate::subject::Subject;

/// What lies behind a pointer that is seen as the host's type with this id.
pub(super) fn target(subject: &Subject<'_>, id: u32) -> Result<Region, Reason> {
    let unknown = || Reason::NoEntry { why: format!("Unknown type ID {id} passed to kfunc bpf_rdonly_cast") };
    if id == 0 {
        return Ok(Region::Probed);
    }
    let btf = subject.host.btf(BtfSpace::Host).ok_or_else(unknown)?;
    let id = BtfId(id);
    match btf.get(id) {
        None => Err(unknown()),
        Some(BtfType::Struct { .. } | BtfType::Union { .. }) => Ok(Region::Object(TypeRef::host(id))),
        Some(_) => Err(Reason::NoEntry {
            why: "kfunc bpf_rdonly_cast type ID argument must be of a struct or void".to_owned(),
        }),
    }
}
