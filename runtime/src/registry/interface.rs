//! The interface file: a registry's BTF with everything that C cannot say in decl tags, read back as a registry without addresses.
//!
//! Verifying against it gives the verdicts of the application itself, with one exception: a kfunc whose use a Rust function filters
//! is refused, because that function is not in the file.

use std::collections::HashMap;
use std::sync::Arc;

use opswap_bpf::btf::{BtfType, Param};
use opswap_bpf::proto::{
    ArgKind, ArgProto, DeclaredAt, FieldAccess, FieldPolicy, KfuncFlags, KfuncProto, MemAccess, Nullness,
    OpPresence, OpProto, PointerPolicy, RetProto, Sleepable, StructOpsMember, StructOpsMemberKind,
    StructOpsProto,
};
use opswap_bpf::{Btf, BtfId, OpIdx, TypeRef};

use super::available::{Availability, Filtered};
use super::ops;
use super::tables::entry_proto;
use super::tags::{ERASED, FLAG_TAGS, read_arg, read_ret};
use super::{Kfunc, Origin, Owner, Registry, Table};

/// Why a BTF is no interface file.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{name}` ({id}) in the interface file: {problem}")]
pub struct InterfaceError {
    /// The type or function.
    pub name: String,
    /// Its id.
    pub id: BtfId,
    /// What is wrong.
    pub problem: String,
}

/// Decl tags by declaration and component.
struct Tags<'b> {
    of: HashMap<(BtfId, Option<u32>), Vec<&'b str>>,
}

impl<'b> Tags<'b> {
    fn new(btf: &'b Btf) -> Self {
        let mut of: HashMap<_, Vec<&str>> = HashMap::new();
        for (_, ty) in btf.iter() {
            if let BtfType::DeclTag { name, of: target, component, .. } = ty {
                of.entry((*target, *component)).or_default().push(name);
            }
        }
        Self { of }
    }

    fn all(&self, of: BtfId, component: Option<usize>) -> &[&'b str] {
        let component = component.and_then(|at| u32::try_from(at).ok());
        self.of.get(&(of, component)).map_or(&[], Vec::as_slice)
    }

    fn has(&self, of: BtfId, component: Option<usize>, tag: &str) -> bool {
        self.all(of, component).contains(&tag)
    }

    fn after(&self, of: BtfId, component: Option<usize>, prefix: &str) -> Option<&'b str> {
        self.all(of, component).iter().find_map(|tag| tag.strip_prefix(prefix))
    }

    fn starting(&self, of: BtfId, component: Option<usize>, prefix: &str) -> Option<&'b str> {
        self.all(of, component).iter().find(|tag| tag.starts_with(prefix)).copied()
    }
}

impl Registry {
    /// Reads an interface file, as [`Registry::btf`] gives it.
    ///
    /// # Errors
    /// A function or table whose tags are missing, or contradict its prototype.
    pub fn from_interface(btf: Btf) -> Result<Self, InterfaceError> {
        let tags = Tags::new(&btf);
        let mut kfuncs = Vec::new();
        let mut tables = Vec::new();
        let mut policies = HashMap::new();
        for (id, ty) in btf.iter() {
            if let BtfType::Struct { name, members, .. } | BtfType::Union { name, members, .. } = ty {
                let one = |at| policy(&tags, id, at);
                policies.insert(id, (0..members.len()).map(one).collect::<Vec<_>>());
                if tags.has(id, None, "struct_ops") {
                    let table = table(&btf, &tags, id);
                    tables.push(table.map_err(|problem| InterfaceError {
                        name: name.clone(),
                        id,
                        problem,
                    })?);
                }
            } else if let BtfType::Func(func) = ty
                && tags.has(id, None, "bpf_kfunc")
            {
                let kfunc = kfunc(&btf, &tags, id, &func.name);
                kfuncs.push(kfunc.map_err(|problem| InterfaceError {
                    name: func.name.to_string(),
                    id,
                    problem,
                })?);
            }
        }
        kfuncs.sort_by(|a, b| a.proto.name.cmp(&b.proto.name));
        tables.sort_by(|a, b| a.proto.name.cmp(&b.proto.name));
        let (ends, destructors) = (vec![btf.len()], HashMap::default());
        Ok(Self {
            btf: Arc::new(btf),
            kfuncs,
            tables,
            policies,
            origin: Origin::Elsewhere,
            ends,
            destructors,
        })
    }
}

/// The parameters of a function with their tags.
type Tagged<'b> = Vec<(&'b Param, &'b str)>;

/// Parameters and result of a function by its prototype and tags.
fn tagged<'b>(btf: &'b Btf, tags: &Tags<'b>, func: BtfId) -> Result<(Tagged<'b>, RetProto), String> {
    let (ret, params) = btf.func_proto(func).ok_or("has no prototype")?;
    let mut args = Vec::new();
    for (at, param) in params.iter().enumerate() {
        let tag = tags
            .starting(func, Some(at), "arg:")
            .ok_or_else(|| format!("parameter {at} has no tag `arg:…`"))?;
        args.push((param, tag));
    }
    let tag = tags.starting(func, None, "ret:").ok_or("has no tag `ret:…`")?;
    Ok((args, read_ret(btf, ret, tag)?))
}

/// Arguments and result of a kfunc.
fn signature(btf: &Btf, tags: &Tags<'_>, func: BtfId) -> Result<(Vec<ArgProto>, RetProto), String> {
    let (params, ret) = tagged(btf, tags, func)?;
    let args = params.into_iter().map(|(param, tag)| read_arg(btf, param, tag)).collect::<Result<_, _>>()?;
    Ok((args, ret))
}

fn kfunc(btf: &Btf, tags: &Tags<'_>, id: BtfId, name: &str) -> Result<Kfunc, String> {
    let (mut args, ret) = signature(btf, tags, id)?;
    if let Some(name) = tags.after(id, None, ERASED)
        && let Some(ArgKind::Object { ty, .. }) = args.first_mut().map(|arg| &mut arg.kind)
    {
        let declared = btf.ids_named(name).find(|&id| btf.get(id).is_some_and(BtfType::is_definition));
        let found = declared.ok_or_else(|| format!("destroys `{name}`, and there is no such type"))?;
        *ty = TypeRef::host(found);
    }
    let flags = FLAG_TAGS
        .iter()
        .filter(|(_, tag)| tags.has(id, None, tag))
        .fold(KfuncFlags::empty(), |flags, (flag, _)| flags | *flag);
    Ok(Kfunc {
        proto: Arc::new(KfuncProto {
            name: name.into(),
            args,
            ret,
            flags,
            func: TypeRef::host(id),
            intrinsic: None,
            declared_at: place(tags, id),
        }),
        doc: tags.after(id, None, "doc:").unwrap_or_default().into(),
        deprecated: tags.after(id, None, "deprecated:").unwrap_or_default().into(),
        addr: None,
        owner: Owner::default(),
        available: Availability::from_tags(
            tags.after(id, None, "kfunc:programs="),
            tags.after(id, None, "kfunc:sets="),
            if tags.has(id, None, "kfunc:filtered") { Filtered::Yes } else { Filtered::No },
        ),
    })
}

/// `at:FILE:LINE`.
fn place(tags: &Tags<'_>, id: BtfId) -> Option<DeclaredAt> {
    let (file, line) = tags.after(id, None, "at:")?.rsplit_once(':')?;
    Some(DeclaredAt { file: file.into(), line: line.parse().ok()? })
}

fn policy(tags: &Tags<'_>, of: BtfId, member: usize) -> FieldPolicy {
    let has = |tag| tags.has(of, Some(member), tag);
    let access = if has("btf:hidden") {
        FieldAccess::Hidden
    } else if has("btf:rw") {
        FieldAccess::ReadWrite
    } else if has("btf:shared") {
        FieldAccess::Shared
    } else {
        FieldAccess::ReadOnly
    };
    let pointer = if has("ptr:borrowed") {
        PointerPolicy::Borrowed(Nullness::NonNull)
    } else if has("ptr:borrowed_nullable") {
        PointerPolicy::Borrowed(Nullness::Nullable)
    } else if has("ptr:rcu") {
        PointerPolicy::Rcu(Nullness::NonNull)
    } else if has("ptr:rcu_nullable") {
        PointerPolicy::Rcu(Nullness::Nullable)
    } else {
        PointerPolicy::Untrusted
    };
    FieldPolicy { access, pointer }
}

fn table(btf: &Btf, tags: &Tags<'_>, id: BtfId) -> Result<Table, String> {
    let BtfType::Struct { name, size, members } = btf.resolve(id) else {
        return Err("is tagged `struct_ops` but is no struct".to_owned());
    };
    let mut lowered = Vec::new();
    let mut slices = Vec::new();
    let mut ops = 0;
    for (at, member) in members.iter().enumerate() {
        let kind = match tags.starting(id, Some(at), "op:") {
            None => StructOpsMemberKind::Data,
            Some(_) => {
                let op = OpIdx(ops);
                ops += 1;
                let func = btf
                    .find_func(&format!("{name}__{}", member.name))
                    .ok_or_else(|| format!("operation `{}` has no stub `{name}__{0}`", member.name))?;
                let (proto, slice) = operation(btf, tags, (id, at), (name, &member.name), op, func)?;
                slices.extend(slice.map(|access| (op, access)));
                StructOpsMemberKind::Op(proto)
            }
        };
        let bytes = btf.size_of(member.ty).ok_or_else(|| format!("member `{}` has no size", member.name))?;
        let offset = member.bit_offset / 8;
        lowered.push(StructOpsMember { name: member.name.clone(), offset, size: bytes, kind });
    }
    let declared_at = place(tags, id);
    let proto = StructOpsProto {
        name: name.clone(),
        ty: TypeRef::host(id),
        size: *size,
        members: lowered,
        declared_at,
    };
    let doc = tags.after(id, None, "doc:").unwrap_or_default().to_owned();
    Ok(Table { proto: Arc::new(proto), doc, owner: Owner::default(), slices })
}

fn operation(
    btf: &Btf,
    tags: &Tags<'_>,
    (table, member): (BtfId, usize),
    (table_name, name): (&str, &str),
    op: OpIdx,
    stub: BtfId,
) -> Result<(OpProto, Option<MemAccess>), String> {
    let has = |tag| tags.has(table, Some(member), tag);
    let (params, ret) = tagged(btf, tags, stub)?;
    let (slots, slice) = ops::read(btf, &params)?;
    let sleepable = if has("op:sleepable") { Sleepable::Yes } else { Sleepable::No };
    let full_name = format!("{table_name}::{name}");
    let entry = entry_proto(full_name, slots, ret, sleepable, place(tags, table))?;
    let presence = if has("op:required") {
        OpPresence::Required
    } else if has("op:unsupported") {
        OpPresence::Unsupported
    } else {
        OpPresence::Optional
    };
    let hash = tags
        .after(table, Some(member), "op:cfi=")
        .ok_or_else(|| format!("operation `{name}` has no CFI hash"))?;
    let cfi_hash =
        u32::from_str_radix(hash, 16).map_err(|_| format!("operation `{name}`: bad CFI hash `{hash}`"))?;
    Ok((OpProto { op, entry, presence, cfi_hash }, slice))
}
