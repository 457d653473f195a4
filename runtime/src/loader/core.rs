//! CO-RE: instructions that depend on where the host's types have their members.
//!
//! Each record of an object names a type of its own, a path into it (`0:1:2`), and a question. The path is followed by
//! names through the host's type of the same name, and the answer goes into the instruction. What the host lacks turns
//! the instruction into a call that no verifier accepts, so that only a path that asked whether the member exists passes.

use opswap_bpf::btf::{CoreRelo, CoreReloKind, Member, Signedness};
use opswap_bpf::insn::{Imm64, Size, Src};
use opswap_bpf::{Btf, BtfId, BtfType, HelperId, Insn};

use super::parse::essential_name;

/// Steps of a path; clang's paths are as deep as an expression.
const MAX_STEPS: usize = 64;
/// The helper that libbpf calls in place of an instruction that has no meaning for this host.
const POISON: HelperId = HelperId(0x0bad_2310);

/// The answer to one record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// The value; for an offset also the sizes of the member in the object and in the host.
    Value { value: u64, sizes: Option<(u32, u32)> },
    /// The host has no such type or member.
    Missing,
}

/// One step into a type.
enum Step<'a> {
    /// Element of an array, or of what the root pointer points to.
    Index(u32),
    /// Named member, and its type in the object.
    Member(&'a str, BtfId),
}

/// A member that a path ends in.
struct Field {
    bit_offset: u64,
    /// 0 unless it is a bitfield.
    bits: u8,
    ty: BtfId,
}

fn number(value: impl Into<u64>) -> Answer {
    Answer::Value { value: value.into(), sizes: None }
}

/// Answers a record.
pub(super) fn answer(object: &Btf, host: Option<&Btf>, record: &CoreRelo) -> Result<Answer, String> {
    if record.kind == CoreReloKind::TypeIdLocal {
        return Ok(number(record.ty.0));
    }
    let host = host.ok_or("the host offers no types to relocate against")?;
    let path = object.string_at(record.access).ok_or("the path lies outside of the string section")?;
    let indices = parse_path(&path)?;
    let found = match record.kind {
        CoreReloKind::FieldByteOffset
        | CoreReloKind::FieldByteSize
        | CoreReloKind::FieldExists
        | CoreReloKind::FieldSigned
        | CoreReloKind::FieldLshiftU64
        | CoreReloKind::FieldRshiftU64 => {
            let (steps, local) = local_path(object, record.ty, &indices)?;
            candidates(object, record.ty, host)
                .find_map(|root| follow(object, host, root, &steps))
                .map(|field| field_answer(record.kind, object, &local, host, &field))
        }
        CoreReloKind::TypeExists | CoreReloKind::TypeMatches => {
            candidates(object, record.ty, host).next().map(|_| Ok(number(1u32)))
        }
        CoreReloKind::TypeIdTarget => candidates(object, record.ty, host).next().map(|id| Ok(number(id.0))),
        CoreReloKind::TypeSize => {
            candidates(object, record.ty, host).find_map(|id| host.size_of(id)).map(|size| Ok(number(size)))
        }
        CoreReloKind::EnumvalExists | CoreReloKind::EnumvalValue => {
            let value = enumerator(object, record.ty, &indices, host)?;
            value.map(|value| Ok(number(if record.kind == CoreReloKind::EnumvalValue { value } else { 1 })))
        }
        CoreReloKind::TypeIdLocal => Some(Ok(number(record.ty.0))),
    };
    match (found, record.kind) {
        (Some(answer), _) => answer,
        (
            None,
            CoreReloKind::FieldExists
            | CoreReloKind::TypeExists
            | CoreReloKind::TypeMatches
            | CoreReloKind::TypeSize
            | CoreReloKind::TypeIdTarget
            | CoreReloKind::EnumvalExists,
        ) => Ok(number(0u32)),
        (None, _) => Ok(Answer::Missing),
    }
}

fn parse_path(path: &str) -> Result<Vec<u32>, String> {
    let indices: Option<Vec<u32>> =
        path.split(':').take(MAX_STEPS + 1).map(|index| index.parse().ok()).collect();
    match indices {
        Some(indices) if indices.len() <= MAX_STEPS => Ok(indices),
        Some(_) | None => {
            Err(format!("`{path}` is no path: expected at most {MAX_STEPS} numbers with colons between"))
        }
    }
}

/// The object's own reading of a path.
fn local_path<'a>(object: &'a Btf, root: BtfId, indices: &[u32]) -> Result<(Vec<Step<'a>>, Field), String> {
    let mut ty = object.skip_modifiers(root);
    let mut field = Field { bit_offset: 0, bits: 0, ty: root };
    let mut steps = Vec::with_capacity(indices.len());
    for (at, &index) in indices.iter().enumerate() {
        if at == 0 {
            steps.push(Step::Index(index));
        } else if let Some(members) = object.members(ty) {
            let member: &Member = members
                .get(index as usize)
                .ok_or_else(|| format!("`{}` has no member {index}", object.c_type(ty)))?;
            if !member.name.is_empty() {
                steps.push(Step::Member(&member.name, member.ty));
            }
            field = Field { bit_offset: 0, bits: member.bitfield_bits, ty: member.ty };
            ty = object.skip_modifiers(member.ty);
        } else if let BtfType::Array(array) = object.resolve(ty) {
            steps.push(Step::Index(index));
            field = Field { bit_offset: 0, bits: 0, ty: array.element };
            ty = object.skip_modifiers(array.element);
        } else {
            return Err(format!("`{}` has no parts", object.c_type(ty)));
        }
    }
    Ok((steps, field))
}

/// Types of the host with the object's name for it and of the same kind.
fn candidates<'a>(object: &'a Btf, ty: BtfId, host: &'a Btf) -> impl Iterator<Item = BtfId> + 'a {
    let local = object.get(object.skip_qualifiers(ty));
    let name = local.and_then(BtfType::name).map_or("", essential_name);
    host.ids_named(name).filter(move |&id| match (local, host.get(id)) {
        (Some(local), Some(other)) => std::mem::discriminant(local) == std::mem::discriminant(other),
        (Some(_) | None, Some(_) | None) => false,
    })
}

/// Follows a path by names through a type of the host.
fn follow(object: &Btf, host: &Btf, root: BtfId, steps: &[Step<'_>]) -> Option<Field> {
    let mut field = Field { bit_offset: 0, bits: 0, ty: root };
    for (at, step) in steps.iter().enumerate() {
        let ty = host.skip_modifiers(field.ty);
        field = match *step {
            Step::Index(index) => {
                let element = if at == 0 {
                    root
                } else if let BtfType::Array(array) = host.resolve(ty) {
                    if array.count != 0 && index >= array.count {
                        return None;
                    }
                    array.element
                } else {
                    return None;
                };
                let skipped = u64::from(index) * u64::from(host.size_of(element)?);
                let skipped = skipped.checked_mul(8)?;
                Field { bit_offset: field.bit_offset.checked_add(skipped)?, bits: 0, ty: element }
            }
            Step::Member(name, local) => {
                let (offset, member) = find_member(host, ty, name, 0)?;
                if !compatible(object, local, host, member.ty) {
                    return None;
                }
                let bit_offset = field.bit_offset.checked_add(offset)?;
                Field { bit_offset, bits: member.bitfield_bits, ty: member.ty }
            }
        };
    }
    Some(field)
}

/// A member by name, also in structs and unions without a name.
fn find_member<'a>(host: &'a Btf, ty: BtfId, name: &str, depth: u32) -> Option<(u64, &'a Member)> {
    let members = host.members(ty)?;
    if let Some(member) = members.iter().find(|member| member.name == name) {
        return Some((member.bit_offset.into(), member));
    }
    if depth > 32 {
        return None;
    }
    members.iter().filter(|member| member.name.is_empty()).find_map(|member| {
        let (offset, found) = find_member(host, member.ty, name, depth + 1)?;
        Some((offset + u64::from(member.bit_offset), found))
    })
}

/// Whether a value can stand for the other: the same kind of thing, whatever its size.
fn compatible(object: &Btf, from: BtfId, host: &Btf, to: BtfId) -> bool {
    let alike =
        |from: &BtfType, to: &BtfType| (from.is_number() && to.is_number()) || from.class() == to.class();
    let (from, to) = (object.resolve(from), host.resolve(to));
    match (from, to) {
        (BtfType::Array(from), BtfType::Array(to)) => {
            alike(object.resolve(from.element), host.resolve(to.element))
        }
        (from, to) => alike(from, to),
    }
}

/// The host's value of the enumerator that a path of one index names.
fn enumerator(object: &Btf, ty: BtfId, indices: &[u32], host: &Btf) -> Result<Option<u64>, String> {
    let values = object.enumerators(ty).ok_or("expected an enum")?;
    let &[index] = indices else { return Err("expected one index as path into an enum".into()) };
    let local = values.get(index as usize).ok_or_else(|| format!("the enum has no value {index}"))?;
    let name = essential_name(local.name);
    let enum_name = essential_name(object.name_of(object.skip_modifiers(ty)));
    let enums = host.ids_named(enum_name).filter_map(|id| host.enumerators(id));
    Ok(enums.flatten().find(|value| essential_name(value.name) == name).map(|value| value.value))
}

fn field_answer(
    kind: CoreReloKind,
    object: &Btf,
    local: &Field,
    host: &Btf,
    field: &Field,
) -> Result<Answer, String> {
    let size = host.size_of(field.ty).ok_or("the host's member has no size")?;
    let (byte_offset, byte_size) =
        if field.bits == 0 { (field.bit_offset / 8, size) } else { storage_unit(field, size)? };
    let bits = if field.bits == 0 { u64::from(byte_size) * 8 } else { u64::from(field.bits) };
    let within = field.bit_offset - byte_offset * 8;
    let shift = |shift: Option<u64>| {
        shift.map(number).ok_or_else(|| "a shift for a member of more than 8 bytes".to_owned())
    };
    match kind {
        CoreReloKind::FieldByteOffset => {
            let local_size = object.size_of(local.ty);
            let sizes =
                if field.bits == 0 && local.bits == 0 { local_size.map(|it| (it, size)) } else { None };
            Ok(Answer::Value { value: byte_offset, sizes })
        }
        CoreReloKind::FieldByteSize => Ok(number(byte_size)),
        CoreReloKind::FieldSigned => Ok(number(u32::from(is_signed(host.resolve(field.ty))))),
        CoreReloKind::FieldLshiftU64 => shift(64u64.checked_sub(within + bits)),
        CoreReloKind::FieldRshiftU64 => shift(64u64.checked_sub(bits)),
        CoreReloKind::FieldExists
        | CoreReloKind::TypeIdLocal
        | CoreReloKind::TypeIdTarget
        | CoreReloKind::TypeExists
        | CoreReloKind::TypeSize
        | CoreReloKind::EnumvalExists
        | CoreReloKind::EnumvalValue
        | CoreReloKind::TypeMatches => Ok(number(1u32)),
    }
}

/// Offset and size of the least aligned load that covers a bitfield.
fn storage_unit(field: &Field, size: u32) -> Result<(u64, u32), String> {
    let mut size = size.max(1);
    loop {
        let offset = field.bit_offset / 8 / u64::from(size) * u64::from(size);
        if field.bit_offset - offset * 8 + u64::from(field.bits) <= u64::from(size) * 8 {
            return Ok((offset, size));
        }
        if size >= 8 {
            return Err("a bitfield that no aligned load of 8 bytes covers".into());
        }
        size *= 2;
    }
}

fn is_signed(ty: &BtfType) -> bool {
    ty.signedness() == Some(Signedness::Signed)
}

/// Puts an answer into the instruction at a slot.
pub(super) fn apply(insns: &mut [Insn], at: usize, answer: Answer) -> Result<(), String> {
    let wide = matches!(insns.get(at), Some(Insn::LoadImm64 { .. }));
    let slot = insns.get_mut(at).ok_or("there is no such instruction")?;
    let Answer::Value { value, sizes } = answer else {
        *slot = poison();
        if let (true, Some(tail)) = (wide, insns.get_mut(at + 1)) {
            *tail = poison();
        }
        return Ok(());
    };
    let offset_to =
        || i16::try_from(value).map_err(|_| format!("offset {value} does not fit an instruction"));
    let immediate = || {
        let low = u32::try_from(value).map(u32::cast_signed);
        low.or_else(|_| i32::try_from(value.cast_signed()))
            .map_err(|_| format!("{value} does not fit an instruction's 32 bits"))
    };
    if let Insn::LoadImm64 { imm: Imm64::Value(imm), .. } = slot {
        *imm = value;
    } else if let Insn::Alu { src: Src::Imm(imm), .. } | Insn::Mov { src: Src::Imm(imm), .. } = slot {
        *imm = immediate()?;
    } else if let Insn::Load { offset, size, .. } | Insn::Store { offset, size, .. } = slot {
        *offset = offset_to()?;
        resize(size, sizes)?;
    } else if let Insn::Atomic { offset, .. } = slot {
        *offset = offset_to()?;
    } else {
        return Err(format!("`{slot}` cannot carry a CO-RE relocation"));
    }
    Ok(())
}

fn poison() -> Insn {
    Insn::Call { target: opswap_bpf::insn::CallTarget::Helper(POISON) }
}

/// A whole member whose size differs in the host is loaded with the host's size.
fn resize(size: &mut Size, sizes: Option<(u32, u32)>) -> Result<(), String> {
    let Some((local, host)) = sizes.filter(|(local, host)| local != host && size.bytes() == *local) else {
        return Ok(());
    };
    *size = match host {
        1 => Size::B,
        2 => Size::H,
        4 => Size::W,
        8 => Size::DW,
        other => return Err(format!("a member of {local} bytes has {other} bytes in the host")),
    };
    Ok(())
}
