//! Loads from and stores to objects that the program allocated: plain bytes within the struct, special fields aside.

use opswap_bpf::insn::Extend;
use opswap_bpf::proto::FieldAccess;
use opswap_bpf::{BtfId, TypeRef};

use super::{Place, field};
use crate::host::UntrustedReads;
use crate::reject::{GraphFault, ObjectFault, Reason};
use crate::state::{Home, Pointer, RegState, Trust};
use crate::subject::Subject;

pub(super) fn check_read(
    subject: &Subject<'_>,
    pointer: &Pointer,
    ty: BtfId,
    place: Place,
    extend: Extend,
) -> Result<RegState, Reason> {
    if pointer.trust.is_unproved() && subject.policy.untrusted_reads == UntrustedReads::Refused {
        return Err(super::opaque(place, pointer));
    }
    check(subject, pointer, ty, place)?;
    Ok(super::number(place.size, extend))
}

pub(super) fn check_write(
    subject: &Subject<'_>,
    pointer: &Pointer,
    ty: BtfId,
    place: Place,
) -> Result<(), Reason> {
    match pointer.trust {
        Trust::Owned(_) | Trust::Borrowed(_) | Trust::Rcu => check(subject, pointer, ty, place),
        Trust::Untrusted | Trust::Walked | Trust::Trusted | Trust::Exclusive(_) => {
            let ty = field::type_name(subject, TypeRef::program(ty));
            Err(Reason::ObjectReadOnly { reg: place.base, ty, member_rule: FieldAccess::ReadOnly })
        }
    }
}

/// The bytes lie within the struct, and none of them is special.
fn check(subject: &Subject<'_>, pointer: &Pointer, ty: BtfId, place: Place) -> Result<(), Reason> {
    let name = || field::type_name(subject, TypeRef::program(ty));
    let reg = place.base;
    let fixed = i64::from(pointer.offset) + i64::from(place.offset);
    if pointer.var.as_constant() != Some(0) {
        return Err(Reason::ObjectVariable { reg, ty: name(), offset: fixed, var: pointer.var_text() });
    }
    let Ok(offset) = u32::try_from(fixed) else {
        return Err(Reason::ObjectNegative { reg, ty: name(), offset: fixed });
    };
    let bytes = subject.program.btf.as_ref().and_then(|btf| btf.size_of(ty)).unwrap_or(0);
    let size = place.size.bytes();
    if offset.checked_add(size).is_none_or(|end| end > bytes) {
        let fault = ObjectFault::BeyondStruct;
        return Err(Reason::ObjectAccess { owner: name(), offset, size, fault });
    }
    let fields = field::of(subject, Home::Allocated(ty))?;
    match field::touched(&fields, pointer, i64::from(place.offset), size) {
        Some(touched) => {
            Err(Reason::Graph { fault: GraphFault::Direct { field: touched.field.type_name() } })
        }
        None => Ok(()),
    }
}
