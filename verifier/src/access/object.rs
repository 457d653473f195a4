//! Fields of host objects: the walk through BTF from a type and an offset to a member, and what the host allows there.

use opswap_bpf::btf::Member;
use opswap_bpf::insn::Extend;
use opswap_bpf::proto::{FieldAccess, FieldPolicy, MemAccess, Nullness, PointerPolicy};
use opswap_bpf::{Btf, BtfId, BtfType, TypeRef};

use super::Place;
use crate::host::{PointerLeaks, UntrustedReads};
use crate::reject::{ObjectFault, Reason};
use crate::state::{Pointer, RegState, Region, Trust, VerifierState};
use crate::subject::Subject;

/// Nested types that a walk follows at most (Linux resolves 32 deep).
const MAX_DEPTH: u32 = 32;

/// What lies at an offset of a type.
#[derive(Clone, Copy, Debug)]
struct Found {
    /// The member's own type, modifiers removed.
    ty: BtfId,
    policy: FieldPolicy,
}

/// The walk's input: bytes `offset..offset + size` of an object.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    offset: u32,
    size: u32,
}

/// Removes typedefs and qualifiers.
pub(crate) fn strip(btf: &Btf, mut id: BtfId) -> BtfId {
    for _ in 0..MAX_DEPTH {
        match btf.get(id) {
            Some(
                BtfType::Typedef { of, .. }
                | BtfType::Volatile { of }
                | BtfType::Const { of }
                | BtfType::Restrict { of }
                | BtfType::TypeTag { of, .. },
            ) => id = *of,
            Some(_) | None => break,
        }
    }
    id
}

/// Bytes of a type, modifiers removed; `None` for types without a size.
pub(crate) fn size_of(btf: &Btf, id: BtfId) -> Option<u32> {
    let mut count = 1u32;
    let mut id = strip(btf, id);
    for _ in 0..MAX_DEPTH {
        let size = match btf.get(id)? {
            BtfType::Int(int) => int.size,
            BtfType::Ptr { .. } => 8,
            BtfType::Struct { size, .. }
            | BtfType::Union { size, .. }
            | BtfType::Enum { size, .. }
            | BtfType::Enum64 { size, .. }
            | BtfType::Float { size, .. } => *size,
            BtfType::Array(array) => {
                count = count.checked_mul(array.count)?;
                id = strip(btf, array.element);
                continue;
            }
            BtfType::Void
            | BtfType::Fwd { .. }
            | BtfType::Func(_)
            | BtfType::FuncProto { .. }
            | BtfType::Var(_)
            | BtfType::Datasec { .. }
            | BtfType::DeclTag { .. }
            | BtfType::Typedef { .. }
            | BtfType::Volatile { .. }
            | BtfType::Const { .. }
            | BtfType::Restrict { .. }
            | BtfType::TypeTag { .. } => return None,
        };
        return count.checked_mul(size);
    }
    None
}

/// A type's name for messages; `void` and nameless types are empty.
pub(crate) fn type_name(subject: &Subject<'_>, ty: TypeRef) -> String {
    subject
        .host
        .btf(ty.space)
        .and_then(|btf| btf.get(strip(btf, ty.id)))
        .and_then(BtfType::name)
        .unwrap_or_default()
        .to_owned()
}

/// The narrower of what two levels of a nested field allow.
fn narrow(outer: FieldAccess, inner: FieldAccess) -> FieldAccess {
    match (outer, inner) {
        (FieldAccess::Hidden, _) | (_, FieldAccess::Hidden) => FieldAccess::Hidden,
        (FieldAccess::ReadOnly, _) | (_, FieldAccess::ReadOnly) => FieldAccess::ReadOnly,
        // A cell inside an ordinary field is still a cell; an ordinary field inside a cell was declared by the cell.
        (FieldAccess::ReadWrite | FieldAccess::Shared, inner) => inner,
    }
}

/// Byte range of a member: of a bitfield, the bytes that hold its bits.
fn member_range(btf: &Btf, member: &Member) -> Option<(u32, u32)> {
    let first = member.bit_offset / 8;
    if member.bitfield_bits != 0 {
        let last_bit = member.bit_offset.checked_add(u32::from(member.bitfield_bits))?;
        return Some((first, last_bit.div_ceil(8)));
    }
    Some((first, first.checked_add(size_of(btf, member.ty)?)?))
}

/// Walks from a struct to the member that holds the wanted bytes.
fn walk(subject: &Subject<'_>, ty: TypeRef, wanted: Wanted) -> Result<Found, Reason> {
    let unknown = || Reason::UnknownType { ty };
    let btf = subject.host.btf(ty.space).ok_or_else(unknown)?;
    let fault = |owner: &str, fault| Reason::ObjectAccess {
        owner: owner.to_owned(),
        offset: wanted.offset,
        size: wanted.size,
        fault,
    };
    let mut owner = strip(btf, ty.id);
    let mut offset = wanted.offset;
    let mut access = FieldAccess::Shared;
    for _ in 0..MAX_DEPTH {
        let (name, size, members) = match btf.get(owner).ok_or_else(unknown)? {
            BtfType::Struct { name, size, members } | BtfType::Union { name, size, members } => {
                (name, *size, members)
            }
            _ => return Err(Reason::NotAStruct { ty }),
        };
        let end = offset.checked_add(wanted.size).filter(|end| *end <= size);
        let Some(end) = end else { return Err(fault(name, ObjectFault::BeyondStruct)) };
        let mut found = None;
        for (index, member) in (0u32..).zip(members) {
            let Some((first, last)) = member_range(btf, member) else { continue };
            if first <= offset && offset < last {
                found = Some((index, member, first, last));
                break;
            }
        }
        let Some((index, member, first, last)) = found else { return Err(fault(name, ObjectFault::NoField)) };
        let owner_ref = TypeRef { space: ty.space, id: owner };
        let policy = subject.host.field(owner_ref, index, &subject.program.kind);
        access = narrow(access, policy.access);
        if access == FieldAccess::Hidden {
            return Err(fault(name, ObjectFault::Hidden { member: member.name.clone() }));
        }
        if end > last {
            return Err(fault(name, ObjectFault::BeyondMember { member: member.name.clone(), end: last }));
        }
        let policy = FieldPolicy { access, ..policy };
        if member.bitfield_bits != 0 {
            return Ok(Found { ty: strip(btf, member.ty), policy });
        }
        let mut inside = offset - first;
        let mut inner = strip(btf, member.ty);
        while let Some(BtfType::Array(array)) = btf.get(inner) {
            let element = size_of(btf, array.element).filter(|size| *size > 0).ok_or_else(unknown)?;
            inside %= element;
            if inside.checked_add(wanted.size).is_none_or(|end| end > element) {
                return Err(fault(
                    name,
                    ObjectFault::BeyondMember { member: member.name.clone(), end: last },
                ));
            }
            inner = strip(btf, array.element);
        }
        match btf.get(inner).ok_or_else(unknown)? {
            BtfType::Struct { .. } | BtfType::Union { .. } => {
                owner = inner;
                offset = inside;
            }
            BtfType::Ptr { .. } if inside != 0 || wanted.size != 8 => {
                return Err(fault(name, ObjectFault::PartOfPointer { member: member.name.clone() }));
            }
            _ => return Ok(Found { ty: inner, policy }),
        }
    }
    Err(Reason::NotAStruct { ty })
}

/// The fixed, non-negative offset of an access.
fn offset_of(subject: &Subject<'_>, pointer: &Pointer, ty: TypeRef, place: Place) -> Result<Wanted, Reason> {
    let reg = place.base;
    let fixed = i64::from(pointer.offset) + i64::from(place.offset);
    if fixed < 0 {
        return Err(Reason::ObjectNegative { reg, ty: type_name(subject, ty), offset: fixed });
    }
    if pointer.var.as_constant() != Some(0) {
        return Err(Reason::ObjectVariable {
            reg,
            ty: type_name(subject, ty),
            offset: fixed,
            var: pointer.var_text(),
        });
    }
    let offset = u32::try_from(fixed).map_err(|_| Reason::ObjectNegative {
        reg,
        ty: type_name(subject, ty),
        offset: fixed,
    })?;
    Ok(Wanted { offset, size: place.size.bytes() })
}

pub(super) fn check_read(
    subject: &Subject<'_>,
    state: &VerifierState,
    pointer: &Pointer,
    ty: TypeRef,
    place: Place,
    extend: Extend,
) -> Result<RegState, Reason> {
    if pointer.trust == Trust::Untrusted && subject.policy.untrusted_reads == UntrustedReads::Refused {
        return Err(super::opaque(place, pointer));
    }
    let found = walk(subject, ty, offset_of(subject, pointer, ty, place)?)?;
    let btf = subject.host.btf(ty.space).ok_or(Reason::UnknownType { ty })?;
    let Some(BtfType::Ptr { to }) = btf.get(found.ty) else {
        return Ok(super::number(place.size, extend));
    };
    let target = TypeRef { space: ty.space, id: strip(btf, *to) };
    Ok(read_pointer(subject, state, pointer, found.policy.pointer, target, btf)
        .unwrap_or_else(RegState::unknown))
    .and_then(|value| match value {
        RegState::Scalar(_) if subject.policy.leaks == PointerLeaks::Refused => {
            Err(Reason::AddressRead { reg: place.base, ty: type_name(subject, ty) })
        }
        RegState::NotInit | RegState::Scalar(_) | RegState::Pointer(_) => Ok(value),
    })
}

/// What a pointer member gives; `None` when nothing is known of what it points to.
fn read_pointer(
    subject: &Subject<'_>,
    state: &VerifierState,
    parent: &Pointer,
    policy: PointerPolicy,
    target: TypeRef,
    btf: &Btf,
) -> Option<RegState> {
    let (trust, null) = match policy {
        PointerPolicy::Borrowed(null) => {
            let trust = match parent.trust {
                Trust::Exclusive(root) | Trust::Owned(root) | Trust::Borrowed(root) => Trust::Borrowed(root),
                Trust::Trusted => Trust::Trusted,
                Trust::Rcu => Trust::Rcu,
                Trust::Untrusted => Trust::Untrusted,
            };
            (trust, null)
        }
        PointerPolicy::Rcu => {
            let inside = crate::transfer::in_rcu_section(subject, state);
            let trust =
                if inside && parent.trust != Trust::Untrusted { Trust::Rcu } else { Trust::Untrusted };
            (trust, Nullness::Nullable)
        }
        PointerPolicy::Untrusted => (Trust::Untrusted, Nullness::NonNull),
    };
    let to = match btf.get(target.id)? {
        BtfType::Struct { .. } | BtfType::Union { .. } => Region::Object(target),
        BtfType::Int(_) | BtfType::Enum { .. } | BtfType::Enum64 { .. } if trust != Trust::Untrusted => {
            Region::Memory { size: size_of(btf, target.id)?, access: MemAccess::Read }
        }
        _ => return None,
    };
    Some(RegState::Pointer(Pointer::new(to).held(trust).nullable(null)))
}

pub(super) fn check_write(
    subject: &Subject<'_>,
    pointer: &Pointer,
    ty: TypeRef,
    place: Place,
) -> Result<(), Reason> {
    if pointer.trust == Trust::Untrusted {
        return Err(Reason::ObjectReadOnly {
            reg: place.base,
            ty: type_name(subject, ty),
            member_rule: FieldAccess::ReadOnly,
        });
    }
    let found = walk(subject, ty, offset_of(subject, pointer, ty, place)?)?;
    let exclusive = matches!(pointer.trust, Trust::Exclusive(_));
    let allowed = match found.policy.access {
        FieldAccess::Shared => true,
        FieldAccess::ReadWrite => exclusive,
        FieldAccess::ReadOnly | FieldAccess::Hidden => false,
    };
    let plain = subject.host.btf(ty.space).and_then(|btf| btf.get(found.ty)).is_some_and(|ty| match ty {
        BtfType::Int(_) | BtfType::Enum { .. } | BtfType::Enum64 { .. } | BtfType::Float { .. } => true,
        _ => false,
    });
    if allowed && plain {
        return Ok(());
    }
    Err(Reason::ObjectReadOnly {
        reg: place.base,
        ty: type_name(subject, ty),
        member_rule: if plain { found.policy.access } else { FieldAccess::ReadOnly },
    })
}

/// What programs may do with the object of type `wanted` that lies at `offset` of one of type `ty`: itself, or nested
/// without a pointer between. `None` when there is none.
pub(crate) fn embedded(
    subject: &Subject<'_>,
    ty: TypeRef,
    offset: i64,
    wanted: TypeRef,
) -> Option<FieldAccess> {
    let btf = subject.host.btf(ty.space)?;
    let mut offset = u32::try_from(offset).ok()?;
    if ty.space != wanted.space {
        return None;
    }
    let goal = strip(btf, wanted.id);
    let mut at = strip(btf, ty.id);
    let mut access = FieldAccess::Shared;
    for _ in 0..MAX_DEPTH {
        if at == goal {
            return (offset == 0).then_some(access);
        }
        let (ty, inside) = match btf.get(at)? {
            BtfType::Struct { members, .. } => (0u32..).zip(members).find_map(|(index, member)| {
                let (first, last) = member_range(btf, member)?;
                if !(first <= offset && offset < last && member.bitfield_bits == 0) {
                    return None;
                }
                let owner = TypeRef { space: wanted.space, id: at };
                access = narrow(access, subject.host.field(owner, index, &subject.program.kind).access);
                Some((member.ty, offset - first))
            })?,
            BtfType::Array(array) => {
                let element = size_of(btf, array.element).filter(|size| *size > 0)?;
                (array.element, offset % element)
            }
            _ => return None,
        };
        at = strip(btf, ty);
        offset = inside;
    }
    None
}

/// Whether both are the same type, modifiers aside.
pub(crate) fn same_type(subject: &Subject<'_>, left: TypeRef, right: TypeRef) -> bool {
    let stripped = |ty: TypeRef| subject.host.btf(ty.space).map(|btf| strip(btf, ty.id));
    left.space == right.space && stripped(left).is_some() && stripped(left) == stripped(right)
}
