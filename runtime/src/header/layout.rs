//! [`fields`]: a struct's members as C declares them, with padding where C would put it elsewhere or nowhere.

use std::collections::BTreeMap;

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
    let mut known = Alignments::new();
    for (at, member) in sorted {
        let offset = member.bit_offset / 8;
        let own = align_of(btf, member.ty, 0, &mut known);
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

/// Alignments of structs and unions: a type may contain another many times, at every level.
type Alignments = BTreeMap<BtfId, u32>;

/// Alignment of a type in C on BPF.
fn align_of(btf: &Btf, id: BtfId, depth: u32, known: &mut Alignments) -> u32 {
    // BTF allows 32 levels; deeper is no type.
    if depth > 32 {
        return 1;
    }
    let id = btf.skip_modifiers(id);
    match btf.get(id) {
        Some(BtfType::Int(IntType { size, .. })) => (*size).clamp(1, 16),
        Some(BtfType::Float { size, .. }) => (*size).clamp(1, 16),
        Some(BtfType::Enum { size, .. } | BtfType::Enum64 { size, .. }) => (*size).clamp(1, 8),
        Some(BtfType::Ptr { .. }) => 8,
        Some(BtfType::Array(ArrayType { element, .. })) => align_of(btf, *element, depth + 1, known),
        Some(BtfType::Struct { members, .. } | BtfType::Union { members, .. }) => {
            if let Some(align) = known.get(&id) {
                return *align;
            }
            let aligns = members.iter().map(|member| align_of(btf, member.ty, depth + 1, known));
            let align = aligns.max().unwrap_or(1);
            known.insert(id, align);
            align
        }
        Some(_) | None => 1,
    }
}

#[cfg(test)]
mod tests {
    use opswap_bpf::btf::{ArrayType, BtfType, Member};
    use opswap_bpf::{Btf, BtfId};

    fn member(name: &str, ty: BtfId) -> Member {
        Member { name: name.into(), ty, bit_offset: 0, bitfield_bits: 0 }
    }

    #[test]
    fn a_type_that_contains_another_twice_at_every_level_is_laid_out_at_once() {
        let mut btf = Btf::new();
        let word = btf.push(BtfType::Ptr { to: BtfId(0) });
        let mut ty = btf.push(BtfType::Array(ArrayType { element: word, index: word, count: 0 }));
        for _ in 0..31 {
            let members = vec![member("a", ty), member("b", ty)];
            ty = btf.push(BtfType::Struct { name: "pair".into(), size: 0, members });
        }
        assert_eq!(super::fields(&btf, ty).len(), 2);
    }
}
