//! The contract of a global function, from its prototype and the tags of its parameters (Linux: `btf_prepare_func_args`).

use opswap_bpf::btf::{BtfType, Signedness};
use opswap_bpf::insn::{Reg, Size};
use opswap_bpf::proto::{
    ArgKind, ArgProto, Demand, DynptrKind, MemAccess, MemInit, MemSize, Nullness, RetKind, RetProto,
};
use opswap_bpf::{Btf, BtfId, BtfSpace, ProgramKind, TypeRef};

use crate::host::{Host, UntrustedReads};
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
    Untrusted,
    Arena,
    /// One that this verifier has no rule for.
    Unknown,
}

fn tag(text: &str) -> Option<Tag> {
    Some(match text.strip_prefix("arg:")? {
        "ctx" => Tag::Context,
        "nonnull" => Tag::NonNull,
        "nullable" => Tag::Nullable,
        "trusted" => Tag::Trusted,
        "untrusted" => Tag::Untrusted,
        "arena" => Tag::Arena,
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
    let is_struct = matches!(btf.resolve(pointee), BtfType::Struct { .. });
    let only = |tag: Tag| tags.iter().all(|found| *found == tag);
    let combined = |legal: bool| if legal { Ok(()) } else { Err(Untyped::TagsCombined) };
    if has(Tag::Context) || (is_struct && names(btf, pointee).any(|name| host.is_context_type(kind, name))) {
        return combined(only(Tag::Context)).map(|()| (ArgKind::Context, Nullness::NonNull));
    }
    if is_struct && btf.name_of(btf.skip_modifiers(pointee)) == "bpf_dynptr" {
        return combined(tags.is_empty()).map(|()| (ArgKind::Dynptr(DynptrKind::Read), Nullness::NonNull));
    }
    if has(Tag::Trusted) {
        combined(!has(Tag::NonNull) && !has(Tag::Untrusted) && !has(Tag::Arena))?;
        let null = if has(Tag::Nullable) { Nullness::Nullable } else { Nullness::NonNull };
        let ty = TypeRef::host(host_struct(btf, pointee, host)?);
        return Ok((ArgKind::Object { ty, demand: Demand::Trusted }, null));
    }
    if has(Tag::Untrusted) {
        combined(only(Tag::Untrusted))?;
        // Bytes, as far as the function likes: a read may fail.
        if is_bytes(btf, pointee) {
            return Ok((ArgKind::Any, Nullness::NonNull));
        }
        if host.policy().untrusted_reads == UntrustedReads::Refused {
            return Err(Untyped::Unsupported { ty: name() });
        }
        let ty = TypeRef::host(host_struct(btf, pointee, host)?);
        return Ok((ArgKind::Object { ty, demand: Demand::Untrusted }, Nullness::NonNull));
    }
    if has(Tag::Arena) {
        return match only(Tag::Arena) {
            true => Ok((ArgKind::Arena, Nullness::NonNull)),
            false => Err(Untyped::ArenaCombined),
        };
    }
    // Without a tag it may be NULL.
    combined(!has(Tag::Nullable))?;
    let size = btf.size_of(pointee).ok_or_else(|| Untyped::Unsized { ty: name_of_pointee(btf, pointee) })?;
    let null = if has(Tag::NonNull) { Nullness::NonNull } else { Nullness::Nullable };
    let (access, init) = (MemAccess::ReadWrite, MemInit::Required);
    Ok((ArgKind::Memory { size: MemSize::Fixed(size), access, init }, null))
}

/// The host's struct with the name of a pointee, a flavour behind `___` aside.
fn host_struct(btf: &Btf, pointee: BtfId, host: &dyn Host) -> Result<BtfId, Untyped> {
    let name = btf.name_of(btf.skip_modifiers(pointee));
    let essential = name.split_once("___").map_or(name, |(name, _)| name);
    let found = host.btf(BtfSpace::Host).and_then(|btf| btf.find_struct(essential));
    found.ok_or_else(|| Untyped::NotOfTheHost { ty: name.to_owned() })
}

/// Whether a type is nothing but bytes: `void`, or a number.
fn is_bytes(btf: &Btf, ty: BtfId) -> bool {
    matches!(
        btf.resolve(ty),
        BtfType::Void
            | BtfType::Int(_)
            | BtfType::Enum { .. }
            | BtfType::Enum64 { .. }
            | BtfType::Float { .. }
    )
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
