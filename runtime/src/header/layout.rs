//! [`fields`]: a struct's members as C declares them, with padding where C would put it elsewhere or nowhere.

use opswap_bpf::btf::{ArrayType, BtfType, HIDDEN_MEMBER, IntType, Member};
use opswap_bpf::{Btf, BtfId};

/// A line of a struct or union.
pub(super) struct Field {
    /// Member number; `None` for padding.
    pub(super) member: Option<usize>,
    pub(super) name: String,
    pub(super) offset: u32,
    /// Type and name, without the semicolon.
    pub(super) declaration: String,
}

/// The lines of a STRUCT or UNION.
pub(super) fn fields(btf: &Btf, id: BtfId) -> Vec<Field> {
    match btf.get(id) {
        Some(BtfType::Struct { size, members, .. }) => structure(btf, *size, members),
        Some(BtfType::Union { size, members, .. }) => union(btf, *size, members),
        Some(_) | None => Vec::new(),
    }
}

fn structure(btf: &Btf, size: u32, members: &[Member]) -> Vec<Field> {
    let mut sorted: Vec<(usize, &Member)> = members.iter().enumerate().collect();
    sorted.sort_by_key(|(_, member)| member.bit_offset);
    let mut fields = Vec::new();
    let mut end = 0;
    let mut align = 1;
    for (at, member) in sorted {
        let offset = member.bit_offset / 8;
        let own = align_of(btf, member.ty, 0);
        pad(&mut fields, end, offset, own);
        align = align.max(own);
        end = offset.saturating_add(btf.size_of(member.ty).unwrap_or(0));
        fields.push(field(btf, at, member));
    }
    pad(&mut fields, end, size, align);
    fields
}

fn union(btf: &Btf, size: u32, members: &[Member]) -> Vec<Field> {
    let mut fields: Vec<Field> =
        members.iter().enumerate().map(|(at, member)| field(btf, at, member)).collect();
    let largest = members.iter().filter_map(|member| btf.size_of(member.ty)).max().unwrap_or(0);
    if largest < size {
        fields.push(padding(0, 0, size));
    }
    fields
}

fn field(btf: &Btf, at: usize, member: &Member) -> Field {
    Field {
        member: Some(at),
        name: member.name.clone(),
        offset: member.bit_offset / 8,
        declaration: btf.c_declaration(member.ty, &member.name),
    }
}

/// Bytes from `end` to `offset`, unless C puts what follows (of this alignment) there by itself.
fn pad(fields: &mut Vec<Field>, end: u32, offset: u32, align: u32) {
    let natural = end.checked_next_multiple_of(align.max(1)).unwrap_or(end);
    if natural < offset {
        let number = fields.iter().filter(|field| field.member.is_none()).count();
        fields.push(padding(number, end, offset - end));
    }
}

fn padding(number: usize, offset: u32, bytes: u32) -> Field {
    let name = format!("{HIDDEN_MEMBER}{number}");
    let declaration = format!("unsigned char {name}[{bytes}]");
    Field { member: None, name, offset, declaration }
}

/// Alignment of a type in C on BPF.
fn align_of(btf: &Btf, id: BtfId, depth: u32) -> u32 {
    // BTF allows 32 levels; deeper is no type.
    if depth > 32 {
        return 1;
    }
    match btf.get(btf.skip_modifiers(id)) {
        Some(BtfType::Int(IntType { size, .. })) => (*size).clamp(1, 16),
        Some(BtfType::Float { size, .. }) => (*size).clamp(1, 16),
        Some(BtfType::Enum { size, .. } | BtfType::Enum64 { size, .. }) => (*size).clamp(1, 8),
        Some(BtfType::Ptr { .. }) => 8,
        Some(BtfType::Array(ArrayType { element, .. })) => align_of(btf, *element, depth + 1),
        Some(BtfType::Struct { members, .. } | BtfType::Union { members, .. }) => {
            members.iter().map(|member| align_of(btf, member.ty, depth + 1)).max().unwrap_or(1)
        }
        Some(_) | None => 1,
    }
}
