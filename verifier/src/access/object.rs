//! Fields of host objects: the walk through BTF from a type and an offset to a member, and what the host allows there.

use opswap_bpf::btf::Member;
use opswap_bpf::insn::{Extend, Reg};
use opswap_bpf::proto::{FieldAccess, FieldPolicy, MemAccess, Nullness, PointerPolicy};
use opswap_bpf::{Btf, BtfId, BtfType, TypeRef};

use super::Place;
use crate::host::{Aliasing, PointerLeaks, UntrustedReads};
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
    place: Overlay,
}

/// Whether the bytes may be read as another member's, too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Overlay {
    Own,
    /// They lie in a union: what reads as a pointer there need not be one.
    Shared,
}

/// The walk's input: bytes `offset..offset + size` of an object.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    offset: u32,
    size: u32,
}

/// A type's name for messages; `void` and nameless types are empty.
pub(crate) fn type_name(subject: &Subject<'_>, ty: TypeRef) -> String {
    subject
        .host
        .btf(ty.space)
        .and_then(|btf| btf.get(btf.skip_modifiers(ty.id)))
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
    Some((first, first.checked_add(btf.size_of(member.ty)?)?))
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
    let mut owner = btf.skip_modifiers(ty.id);
    let mut offset = wanted.offset;
    let mut access = FieldAccess::Shared;
    let mut place = Overlay::Own;
    for _ in 0..MAX_DEPTH {
        let Some((members, size)) = btf.members(owner).zip(btf.size_of(owner)) else {
            return Err(Reason::NotAStruct { ty });
        };
        let name = btf.name_of(owner);
        let end = offset.checked_add(wanted.size).filter(|end| *end <= size);
        let Some(end) = end else {
            match behind(subject, btf, members, offset) {
                Some(Behind::Number(ty)) => {
                    let policy =
                        FieldPolicy { access: FieldAccess::ReadOnly, pointer: PointerPolicy::Untrusted };
                    return Ok(Found { ty, policy, place });
                }
                Some(Behind::Struct { ty, inside }) => {
                    (owner, offset, access) = (ty, inside, narrow(access, FieldAccess::ReadOnly));
                    continue;
                }
                None => return Err(fault(name, ObjectFault::BeyondStruct)),
            }
        };
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
            let member = (member.name.clone(), btf.pointee(btf.skip_modifiers(member.ty)));
            return Err(fault(
                name,
                match member {
                    (member, Some(_)) => ObjectFault::PartOfPointer { member },
                    (member, None) => ObjectFault::BeyondMember { member, end: last },
                },
            ));
        }
        if matches!(btf.get(owner), Some(BtfType::Union { .. })) && may_overlay(subject, members) {
            place = Overlay::Shared;
        }
        let pointer = match (place, subject.policy.aliasing) {
            // Safe code may put any bytes into a union.
            (Overlay::Shared, Aliasing::Exclusive) => PointerPolicy::Untrusted,
            (Overlay::Shared, Aliasing::Shared) | (Overlay::Own, _) => policy.pointer,
        };
        let policy = FieldPolicy { access, pointer };
        if member.bitfield_bits != 0 {
            return Ok(Found { ty: btf.skip_modifiers(member.ty), policy, place });
        }
        let element = btf.skip_arrays(member.ty);
        if is_number(btf, element) {
            // Neighbouring numbers of an array may be read together.
            return Ok(Found { ty: btf.skip_modifiers(element), policy, place });
        }
        let mut inside = offset - first;
        let mut inner = btf.skip_modifiers(member.ty);
        while let Some(BtfType::Array(array)) = btf.get(inner) {
            let element = btf.size_of(array.element).filter(|size| *size > 0).ok_or_else(unknown)?;
            inside %= element;
            if inside.checked_add(wanted.size).is_none_or(|end| end > element) {
                return Err(fault(
                    name,
                    ObjectFault::BeyondMember { member: member.name.clone(), end: last },
                ));
            }
            inner = btf.skip_modifiers(array.element);
        }
        if btf.members(inner).is_none() {
            if btf.pointee(inner).is_some() && (inside != 0 || wanted.size != 8) {
                return Err(fault(name, ObjectFault::PartOfPointer { member: member.name.clone() }));
            }
            return Ok(Found { ty: inner, policy, place });
        }
        owner = inner;
        offset = inside;
    }
    Err(Reason::NotAStruct { ty })
}

/// Whether members of a union overlay each other, as far as the host goes by it: Linux has unions of one member, for its layout.
fn may_overlay(subject: &Subject<'_>, members: &[Member]) -> bool {
    subject.policy.aliasing == Aliasing::Exclusive || members.len() != 1
}

/// What lies behind the end of a struct: an element of the array without a size that is its last member.
enum Behind {
    Number(BtfId),
    Struct { ty: BtfId, inside: u32 },
}

/// Only where reads are checked: how many elements there are, no type says.
fn behind(subject: &Subject<'_>, btf: &Btf, members: &[Member], offset: u32) -> Option<Behind> {
    if subject.policy.untrusted_reads == UntrustedReads::Refused {
        return None;
    }
    let last = members.last()?;
    let BtfType::Array(array) = btf.resolve(last.ty) else { return None };
    let beyond = offset.checked_sub(last.bit_offset / 8).filter(|_| array.count == 0)?;
    let element = btf.skip_modifiers(array.element);
    if is_number(btf, element) {
        return Some(Behind::Number(element));
    }
    btf.members(element)?;
    let size = btf.size_of(element).filter(|size| *size > 0)?;
    Some(Behind::Struct { ty: element, inside: beyond % size })
}

/// Whether values of the type are plain numbers.
fn is_number(btf: &Btf, ty: BtfId) -> bool {
    matches!(
        btf.resolve(ty),
        BtfType::Int(_) | BtfType::Enum { .. } | BtfType::Enum64 { .. } | BtfType::Float { .. }
    )
}

/// The fixed, non-negative offset of an access.
fn wanted(
    subject: &Subject<'_>,
    pointer: &Pointer,
    ty: TypeRef,
    (reg, offset, size): (Reg, i16, u32),
) -> Result<Wanted, Reason> {
    let fixed = i64::from(pointer.offset) + i64::from(offset);
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
    Ok(Wanted { offset, size })
}

/// The bytes of an access of the program.
fn accessed(subject: &Subject<'_>, pointer: &Pointer, ty: TypeRef, place: Place) -> Result<Wanted, Reason> {
    wanted(subject, pointer, ty, (place.base, place.offset, place.size.bytes()))
}

/// Bytes of an object that a function is given to read: of one member, or of an array of numbers (Linux's names of tasks).
pub(super) fn check_bytes(
    subject: &Subject<'_>,
    pointer: &Pointer,
    ty: TypeRef,
    reg: Reg,
    size: u32,
) -> Result<(), Reason> {
    let found = walk(subject, ty, wanted(subject, pointer, ty, (reg, 0, size))?)?;
    let btf = subject.host.btf(ty.space).ok_or(Reason::UnknownType { ty })?;
    if is_number(btf, found.ty) || subject.policy.leaks == PointerLeaks::Allowed {
        Ok(())
    } else {
        Err(Reason::AddressRead { reg, ty: type_name(subject, ty) })
    }
}

pub(super) fn check_read(
    subject: &Subject<'_>,
    state: &VerifierState,
    pointer: &Pointer,
    ty: TypeRef,
    place: Place,
    extend: Extend,
) -> Result<RegState, Reason> {
    if pointer.trust.is_unproved() && subject.policy.untrusted_reads == UntrustedReads::Refused {
        return Err(super::opaque(place, pointer));
    }
    let found = walk(subject, ty, accessed(subject, pointer, ty, place)?)?;
    let btf = subject.host.btf(ty.space).ok_or(Reason::UnknownType { ty })?;
    let Some(BtfType::Ptr { to }) = btf.get(found.ty) else {
        return Ok(super::number(place.size, extend));
    };
    let target = TypeRef { space: ty.space, id: btf.skip_modifiers(*to) };
    match read_pointer(subject, state, pointer, &found, target, btf) {
        Some(value) => Ok(value),
        None if subject.policy.leaks == PointerLeaks::Allowed => Ok(RegState::unknown()),
        None => Err(Reason::AddressRead { reg: place.base, ty: type_name(subject, ty) }),
    }
}

/// How a pointer member of a parent is held, and whether it may be NULL.
fn held(subject: &Subject<'_>, state: &VerifierState, parent: Trust, found: &Found) -> (Trust, Nullness) {
    if parent.is_unproved() {
        // What an address leads to of which nothing is proved is no better, whatever the field promises.
        let trust = if found.place == Overlay::Shared { Trust::Untrusted } else { parent };
        return (trust, Nullness::NonNull);
    }
    let inside = crate::transfer::in_rcu_section(subject, state);
    match found.policy.pointer {
        PointerPolicy::Borrowed(null) => {
            let trust = match parent {
                Trust::Exclusive(root) | Trust::Owned(root) | Trust::Borrowed(root) => Trust::Borrowed(root),
                Trust::Trusted | Trust::Rcu | Trust::Untrusted | Trust::Walked => parent,
            };
            (trust, null)
        }
        PointerPolicy::Rcu(null) if inside => {
            let trust = match parent.root() {
                // No grace period delays a Rust destructor: the pointee lives as long as the parent lets it.
                Some(root) if subject.policy.aliasing == Aliasing::Exclusive => Trust::Borrowed(root),
                Some(_) | None => Trust::Rcu,
            };
            (trust, null)
        }
        // It was there just now: Linux's helpers take it as long as the section lasts, and afterwards.
        PointerPolicy::Untrusted if inside && found.place == Overlay::Own => {
            (subject.policy.walked(), Nullness::NonNull)
        }
        PointerPolicy::Rcu(_) | PointerPolicy::Untrusted => (Trust::Untrusted, Nullness::NonNull),
    }
}

/// What a pointer member gives; `None` when nothing is known of what it points to.
fn read_pointer(
    subject: &Subject<'_>,
    state: &VerifierState,
    parent: &Pointer,
    found: &Found,
    target: TypeRef,
    btf: &Btf,
) -> Option<RegState> {
    let (trust, null) = held(subject, state, parent.trust, found);
    let to = if btf.members(target.id).is_some() {
        Region::Object(target)
    } else if is_number(btf, target.id) && !trust.is_unproved() {
        Region::Memory { size: btf.size_of(target.id)?, access: MemAccess::Read }
    } else {
        return None;
    };
    Some(RegState::Pointer(Pointer::new(to).held(trust).nullable(null)))
}

pub(super) fn check_write(
    subject: &Subject<'_>,
    pointer: &Pointer,
    ty: TypeRef,
    place: Place,
) -> Result<(), Reason> {
    if pointer.trust.is_unproved() {
        return Err(Reason::ObjectReadOnly {
            reg: place.base,
            ty: type_name(subject, ty),
            member_rule: FieldAccess::ReadOnly,
        });
    }
    let found = walk(subject, ty, accessed(subject, pointer, ty, place)?)?;
    let exclusive = matches!(pointer.trust, Trust::Exclusive(_));
    let allowed = match found.policy.access {
        FieldAccess::Shared => true,
        FieldAccess::ReadWrite => exclusive,
        FieldAccess::ReadOnly | FieldAccess::Hidden => false,
    };
    let plain = subject.host.btf(ty.space).is_some_and(|btf| is_number(btf, found.ty));
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
    let goal = btf.skip_modifiers(wanted.id);
    let mut at = btf.skip_modifiers(ty.id);
    let mut access = FieldAccess::Shared;
    for _ in 0..MAX_DEPTH {
        if at == goal {
            return (offset == 0).then_some(access);
        }
        let found = btf.get(at)?;
        // Which member of a union is there, authors of C know.
        let shared = subject.policy.aliasing == Aliasing::Shared;
        let walked = shared || matches!(found, BtfType::Struct { .. });
        let members = if walked { btf.members(at) } else { None };
        let (ty, inside) = if let Some(members) = members {
            (0u32..).zip(members).find_map(|(index, member)| {
                let (first, last) = member_range(btf, member)?;
                if !(first <= offset && offset < last && member.bitfield_bits == 0) {
                    return None;
                }
                let owner = TypeRef { space: wanted.space, id: at };
                access = narrow(access, subject.host.field(owner, index, &subject.program.kind).access);
                Some((member.ty, offset - first))
            })?
        } else if let BtfType::Array(array) = found {
            let element = btf.size_of(array.element).filter(|size| *size > 0)?;
            (array.element, offset % element)
        } else {
            return None;
        };
        at = btf.skip_modifiers(ty);
        offset = inside;
    }
    None
}

/// Whether one of two types is the other before it is complete, by the kernel's suffix (`nf_conn___init`).
pub(crate) fn is_incomplete(subject: &Subject<'_>, left: TypeRef, right: TypeRef) -> bool {
    let (left, right) = (type_name(subject, left), type_name(subject, right));
    let of = |name: &str, other: &str| name.strip_suffix("___init").is_some_and(|name| name == other);
    of(&left, &right) || of(&right, &left)
}

/// Whether both are the same type, modifiers aside.
pub(crate) fn same_type(subject: &Subject<'_>, left: TypeRef, right: TypeRef) -> bool {
    let stripped = |ty: TypeRef| subject.host.btf(ty.space).map(|btf| btf.skip_modifiers(ty.id));
    left.space == right.space && stripped(left).is_some() && stripped(left) == stripped(right)
}
