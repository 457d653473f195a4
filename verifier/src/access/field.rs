//! Special fields in the way of a load or store: kptrs have rules of their own, all others are out of reach.

use std::borrow::Cow;

use opswap_bpf::insn::Reg;
use opswap_bpf::map::{KptrKind, MapField, SpecialField};
use opswap_bpf::proto::{MemAccess, Nullness};
use opswap_bpf::{BtfId, BtfSpace, TypeRef};

use super::{Alignment, Place, object};
use crate::host::Aliasing;
use crate::reject::{KptrFault, Reason};
use crate::state::{Home, Pointer, RegState, Region, Trust, VerifierState};
use crate::subject::Subject;
use crate::transfer::in_rcu_section;

/// What is stored, and the register that it comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored<'a> {
    pub(crate) value: &'a RegState,
    pub(crate) from: Option<Reg>,
}

/// The special fields of a map's values or of a struct of the program.
pub(crate) fn of<'s>(subject: &Subject<'s>, home: Home) -> Result<Cow<'s, [MapField]>, Reason> {
    match home {
        Home::Map(map) => Ok(Cow::Borrowed(&subject.map(map)?.fields)),
        Home::Allocated(ty) => {
            let fields = subject.struct_fields(ty);
            fields.map(Cow::Owned).ok_or(Reason::UnknownType { ty: TypeRef::program(ty) })
        }
    }
}

/// The field that an access of `size` bytes touches, wherever the variable offset leads.
pub(super) fn touched<'f>(
    fields: &'f [MapField],
    pointer: &Pointer,
    offset: i64,
    size: u32,
) -> Option<&'f MapField> {
    // Within bounds whatever the variable part is, so these sums are small.
    let fixed = i64::from(pointer.offset) + offset;
    let start = fixed.saturating_add(pointer.var.smin());
    let last = i64::try_from(pointer.var.umax()).unwrap_or(i64::MAX);
    let end = fixed.saturating_add(last).saturating_add(i64::from(size));
    fields.iter().find(|field| {
        let field_end = i64::from(field.offset) + i64::from(field.size);
        start < field_end && i64::from(field.offset) < end
    })
}

/// The kptr that a load or store meets; any other field is refused.
pub(super) fn kptr(
    field: &MapField,
    pointer: &Pointer,
    place: Place,
    alignment: Alignment,
) -> Result<(TypeRef, KptrKind), Reason> {
    let SpecialField::Kptr { ty, kind } = field.field else {
        return Err(Reason::SpecialFieldAccess { field: field.field.type_name() });
    };
    let fail = |fault| Err(Reason::Kptr { fault });
    let Some(offset) = pointer.fixed_offset() else { return fail(KptrFault::VariableOffset) };
    let offset = offset + i64::from(place.offset);
    if offset != i64::from(field.offset) {
        return fail(KptrFault::Misaligned { expected: field.offset, offset });
    }
    if place.size.bytes() != field.size {
        return fail(KptrFault::Size);
    }
    if alignment == Alignment::Natural {
        return fail(KptrFault::Mode);
    }
    Ok((ty, kind))
}

/// What a load of a kptr gives: RCU-protected where the map owns the object and a grace period delays its end, else an
/// address that may be read through checked reads only.
pub(super) fn load(
    subject: &Subject<'_>,
    state: &VerifierState,
    ty: TypeRef,
    kind: KptrKind,
) -> Result<RegState, Reason> {
    let own = ty.space == BtfSpace::Program;
    let delayed = subject.policy.aliasing == Aliasing::Shared && (own || subject.host.rcu_kptr(ty));
    let trust = match kind {
        KptrKind::Referenced if delayed && in_rcu_section(subject, state) => Trust::Rcu,
        KptrKind::Referenced | KptrKind::Unreferenced => Trust::Untrusted,
        KptrKind::Percpu => return Err(Reason::Unsupported { what: "per-CPU kptrs" }),
        KptrKind::User => {
            let size = subject.program.btf.as_ref().and_then(|btf| btf.size_of(ty.id));
            let size = size.ok_or(Reason::UnknownType { ty })?;
            let to = Region::Memory { size, access: MemAccess::ReadWrite };
            return Ok(RegState::Pointer(Pointer::new(to).nullable(Nullness::Nullable)));
        }
    };
    let to = if own { Region::Allocated(ty.id) } else { Region::Object(ty) };
    Ok(RegState::Pointer(Pointer::new(to).held(trust).nullable(Nullness::Nullable)))
}

/// A store to a kptr: NULL, or where the map owns nothing, a pointer of its type.
pub(super) fn store(
    subject: &Subject<'_>,
    field: &MapField,
    (ty, kind): (TypeRef, KptrKind),
    stored: Stored<'_>,
) -> Result<(), Reason> {
    let fail = |fault| Err(Reason::Kptr { fault });
    match kind {
        KptrKind::Referenced | KptrKind::Percpu => return fail(KptrFault::OwnedStore),
        KptrKind::User => return fail(KptrFault::UserStore),
        KptrKind::Unreferenced => {}
    }
    if stored.value.is_null() {
        return Ok(());
    }
    let Some(from) = stored.from else { return fail(KptrFault::Number { offset: field.offset }) };
    let pointer = match stored.value {
        RegState::Pointer(pointer @ Pointer { to: Region::Object(_) | Region::Allocated(_), .. }) => pointer,
        other @ (RegState::NotInit | RegState::Scalar(_) | RegState::Pointer(_)) => {
            let (found, expected) = (other.kernel_name(), type_name(subject, ty));
            return fail(KptrFault::Type { reg: from, found, expected, untrusted: true });
        }
    };
    let Some(offset) = pointer.fixed_offset() else {
        return Err(Reason::VariableAccess { kind: pointer.kernel_name(), var: pointer.var_text() });
    };
    if offset < 0 {
        let (reg, kind) = (from, pointer.kernel_name());
        return Err(Reason::NegativeOffset { reg, kind, offset: pointer.offset });
    }
    let fits = match pointer.to.object_type() {
        Some(TypeRef { space: BtfSpace::Program, id }) => offset == 0 && is_own(subject, id, ty),
        Some(held) => object::embedded(subject, held, offset, ty).is_some(),
        None => false,
    };
    if fits { Ok(()) } else { fail(type_mismatch(subject, from, pointer, ty, kind)) }
}

/// Whether both are the same struct of the program.
pub(crate) fn is_own(subject: &Subject<'_>, held: BtfId, ty: TypeRef) -> bool {
    let Some(btf) = &subject.program.btf else { return false };
    ty.space == BtfSpace::Program && btf.skip_modifiers(held) == btf.skip_modifiers(ty.id)
}

/// A pointer of another type than the kptr's.
pub(crate) fn type_mismatch(
    subject: &Subject<'_>,
    reg: Reg,
    pointer: &Pointer,
    ty: TypeRef,
    kind: KptrKind,
) -> KptrFault {
    let held = pointer.to.object_type();
    let name = held.map(|held| type_name(subject, held)).unwrap_or_default();
    KptrFault::Type {
        reg,
        found: format!("{}{name}", pointer.kernel_name()),
        expected: type_name(subject, ty),
        untrusted: kind == KptrKind::Unreferenced,
    }
}

/// A type's name, of the host's or of the program's.
pub(crate) fn type_name(subject: &Subject<'_>, ty: TypeRef) -> String {
    match (ty.space, &subject.program.btf) {
        (BtfSpace::Program, Some(btf)) => btf.name_of(btf.skip_modifiers(ty.id)).to_owned(),
        (BtfSpace::Program | BtfSpace::Host | BtfSpace::Module(_), _) => object::type_name(subject, ty),
    }
}
