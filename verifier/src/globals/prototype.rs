//! The contract of a global function, from its prototype and the tags of its parameters (Linux: `btf_prepare_func_args`).

use opswap_bpf::btf::{BtfType, Signedness};
use opswap_bpf::insn::{Reg, Size};
use opswap_bpf::proto::{
    ArgKind, ArgProto, Demand, DynptrKind, MemAccess, MemInit, MemSize, Nullness, RetKind, RetProto,
};
use opswap_bpf::{Btf, BtfId, BtfSpace, ProgramKind, TypeRef};

use crate::host::Host;
use crate::reject::{PrototypeFault, Untyped};

/// Typedefs of typedefs that are followed.
const MAX_TYPEDEFS: usize = 32;

/// A tag of a parameter (`arg:…`).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tag {
    Context,
    NonNull,
    Nullable,
    Trusted,
    /// One that this verifier has no rule for.
    Unknown,
}

fn tag(text: &str) -> Option<Tag> {
    Some(match text.strip_prefix("arg:")? {
        "ctx" => Tag::Context,
        "nonnull" => Tag::NonNull,
        "nullable" => Tag::Nullable,
        "trusted" => Tag::Trusted,
        _ => Tag::Unknown,
    })
}

/// Any number.
pub(super) fn result() -> RetProto {
    let kind = RetKind::Scalar { size: Size::DW, signed: Signedness::Unsigned };
    RetProto { kind, null: Nullness::NonNull }
}

/// What the function takes.
pub(super) fn arguments(
    btf: &Btf,
    func: BtfId,
    host: &dyn Host,
    kind: &ProgramKind,
) -> Result<Vec<ArgProto>, PrototypeFault> {
    let proto = btf.func(func).map(|func| btf.resolve(func.proto));
    let Some(BtfType::FuncProto { ret, params }) = proto else { return Err(PrototypeFault::Missing) };
    if params.len() > Reg::ARGS.len() {
        return Err(PrototypeFault::TooManyArguments { args: params.len(), limit: Reg::ARGS.len() });
    }
    if number(btf, *ret).is_none() {
        return Err(PrototypeFault::NoNumber);
    }
    let argument = |(index, param): (u32, &opswap_bpf::btf::Param)| {
        let tags: Vec<Tag> = btf.decl_tags(func, Some(index)).into_iter().filter_map(tag).collect();
        let (kind, null) = argument(btf, param.ty, &tags, host, kind)
            .map_err(|why| PrototypeFault::Argument { arg: index as usize, why })?;
        Ok(ArgProto { name: param.name.as_str().into(), kind, null })
    };
    (0u32..).zip(params).map(argument).collect()
}

fn number(btf: &Btf, ty: BtfId) -> Option<()> {
    let plain = matches!(btf.resolve(ty), BtfType::Int(_) | BtfType::Enum { .. } | BtfType::Enum64 { .. });
    (plain && btf.size_of(ty).is_some_and(|size| size <= 8)).then_some(())
}

fn argument(
    btf: &Btf,
    ty: BtfId,
    tags: &[Tag],
    host: &dyn Host,
    kind: &ProgramKind,
) -> Result<(ArgKind, Nullness), Untyped> {
    let name = || type_name(btf, ty);
    let has = |tag: Tag| tags.contains(&tag);
    if has(Tag::Unknown) {
        return Err(Untyped::Unsupported { ty: name() });
    }
    let Some(pointee) = btf.pointee(ty) else {
        if !tags.is_empty() {
            return Err(Untyped::TagOnNumber);
        }
        let kind = ArgKind::Scalar { size: Size::DW, signed: Signedness::Unsigned };
        return number(btf, ty)
            .map(|()| (kind, Nullness::NonNull))
            .ok_or_else(|| Untyped::Unsupported { ty: name() });
    };
    let pointee_name = btf.name_of(btf.skip_modifiers(pointee)).to_owned();
    let is_struct = matches!(btf.resolve(pointee), BtfType::Struct { .. });
    if has(Tag::Context) || (is_struct && names(btf, pointee).any(|name| host.is_context_type(kind, name))) {
        return Ok((ArgKind::Context, Nullness::NonNull));
    }
    if is_struct && pointee_name == "bpf_dynptr" {
        return Ok((ArgKind::Dynptr(DynptrKind::Read), Nullness::NonNull));
    }
    if has(Tag::Trusted) {
        let null = if has(Tag::Nullable) { Nullness::Nullable } else { Nullness::NonNull };
        let essential = pointee_name.split_once("___").map_or(pointee_name.as_str(), |(name, _)| name);
        let found = host.btf(BtfSpace::Host).and_then(|btf| btf.find_struct(essential));
        let ty = found.ok_or_else(|| Untyped::NotOfTheHost { ty: pointee_name.clone() })?;
        return Ok((ArgKind::Object { ty: TypeRef::host(ty), demand: Demand::Trusted }, null));
    }
    let size = btf.size_of(pointee).ok_or_else(|| Untyped::Unsized { ty: name_of_pointee(btf, pointee) })?;
    let null = if has(Tag::NonNull) { Nullness::NonNull } else { Nullness::Nullable };
    let (access, init) = (MemAccess::ReadWrite, MemInit::Required);
    Ok((ArgKind::Memory { size: MemSize::Fixed(size), access, init }, null))
}

/// The names of a type: of the typedefs that lead to it, and its own.
fn names(btf: &Btf, ty: BtfId) -> impl Iterator<Item = &str> {
    let next = |id: &BtfId| match btf.get(btf.skip_qualifiers(*id)) {
        Some(BtfType::Typedef { of, .. }) => Some(*of),
        _ => None,
    };
    std::iter::successors(Some(ty), next).take(MAX_TYPEDEFS).map(|id| btf.name_of(btf.skip_qualifiers(id)))
}

/// A type as the kernel names it (`PTR`, `STRUCT`).
fn type_name(btf: &Btf, ty: BtfId) -> String {
    word(btf.resolve(ty)).to_owned()
}

/// A pointee as the kernel names it (`FWD foo`, `UNKNOWN `).
fn name_of_pointee(btf: &Btf, ty: BtfId) -> String {
    format!("{} {}", word(btf.resolve(ty)), btf.name_of(btf.skip_modifiers(ty)))
}

fn word(ty: &BtfType) -> &'static str {
    if matches!(ty, BtfType::Void) { "UNKNOWN" } else { ty.kind_word() }
}
