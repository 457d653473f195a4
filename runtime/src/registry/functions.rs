//! kfuncs: their FUNC in BTF with the tags that Linux and the interface file use, and their contract.

use std::collections::HashMap;
use std::sync::Arc;

use opswap_bpf::btf::{BtfType, Func};
use opswap_bpf::program::Linkage;
use opswap_bpf::proto::{
    ArgKind, ArgProto, DeclaredAt, Demand, IterRole, KfuncFlags, KfuncProto, Nullness, RetKind, RetProto,
    RetTrust,
};
use opswap_bpf::{BtfId, Text, TypeRef};
use opswap_jit::CodeAddr;

use super::available::Availability;
use super::contract::{Lowered, Signature};
use super::error::RegistryError;
use super::near::nearest;
use super::raw_ownership::RawOwnership;
use super::tags::{ERASED, FLAG_TAGS};
use super::types::{Types, User, check_version};
use super::{Kfunc, Owner, Part};
use crate::declare::{ArgDecl, ArgForm, ArgShape, KfuncDecl, Place, RetForm, TrustDecl};
use crate::initcall::RegisteredSet;

/// Registers that a call has (as Linux 7.2: five, and seven on the stack).
const MAX_REGISTERS: usize = 12;

/// Appends the kfuncs of one part, sorted by name as they are given, and in the sets that the part's initcalls registered.
pub(super) fn lower<'r>(
    records: &[&'r KfuncDecl],
    part: &Part<'_>,
    types: &mut Types,
    kfuncs: &mut Vec<Kfunc>,
    raw: &mut RawOwnership<'r>,
) -> Result<(), RegistryError> {
    let mut sets: HashMap<&str, Vec<&RegisteredSet>> = HashMap::new();
    for set in part.sets {
        for name in &set.kfuncs {
            if records.binary_search_by(|decl| decl.name.cmp(name)).is_err() {
                let near = nearest(name, records.iter().map(|decl| decl.name));
                let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                let problem = format!(
                    "{} registers `{name}` in `{}`, but there is no such kfunc{hint}",
                    set.by, set.name
                );
                return Err(RegistryError::Initcall { problem });
            }
            sets.entry(name).or_default().push(set);
        }
    }
    let registered = |decl: &KfuncDecl| sets.get(decl.name).map_or(&[][..], Vec::as_slice);
    kfuncs.reserve(records.len());
    let mut destructors = HashMap::new();
    let mut lowered = Lowered::default();
    for (at, &decl) in records.iter().enumerate() {
        if at.is_multiple_of(AHEAD) {
            fetch(&records[at..records.len().min(at + AHEAD)]);
        }
        let kfunc = kfunc(decl, (&part.owner, registered(decl)), types, &mut lowered)?;
        if let Some(ty) = destroys(&kfunc.proto)
            && let Some(other) = destructors.insert(ty.id, decl)
        {
            return Err(second_destructor(decl, other, types.name(ty.id)));
        }
        raw.note(decl, &part.owner);
        kfuncs.push(kfunc);
    }
    Ok(())
}

/// Records that are fetched at once.
const AHEAD: usize = 16;

/// Has the processor fetch records before they are needed. By name they lie all over the binary, and reading them one after the other
/// waits for memory each time; these reads do not depend on each other, so they wait together.
fn fetch(records: &[&KfuncDecl]) {
    let own = |decl: &&KfuncDecl| {
        let ends = u64::from(decl.place.line) + u64::from(decl.flags) + u64::from(decl.ret.bytes);
        ends + decl.args.len() as u64 + decl.sets.len() as u64 + decl.shim.addr() as u64
    };
    let pointed = |decl: &&KfuncDecl| {
        let args = decl.args.iter().map(|arg| arg.name.len() as u64 + u64::from(arg.shape.bytes));
        let rest = decl.args.iter().map(|arg| arg.shape.legal.len() as u64);
        args.sum::<u64>() + rest.sum::<u64>()
    };
    std::hint::black_box(records.iter().map(own).sum::<u64>());
    std::hint::black_box(records.iter().map(pointed).sum::<u64>());
}

/// The type that a destructor destroys.
pub(super) fn destroys(kfunc: &KfuncProto) -> Option<TypeRef> {
    let [ArgProto { kind: ArgKind::Object { ty, demand: Demand::Owned }, .. }] = &kfunc.args[..] else {
        return None;
    };
    kfunc.flags.contains(KfuncFlags::DTOR).then_some(*ty)
}

/// One destructor for a type, as the kernel has it.
fn second_destructor(decl: &KfuncDecl, first: &KfuncDecl, ty: &str) -> RegistryError {
    let (name, place) = (first.name, first.place);
    User { name: decl.name, place: decl.place }
        .signature(format!("destroys a `{ty}`, and so does `{name}` at {place}: a type has one destructor"))
}

pub(super) fn declared_at(place: Place) -> DeclaredAt {
    DeclaredAt { file: Text::fixed(place.file()), line: place.line }
}

/// One kfunc. `lowered` lends its room.
fn kfunc(
    decl: &KfuncDecl,
    (owner, registered): (&Owner, &[&RegisteredSet]),
    types: &mut Types,
    lowered: &mut Lowered,
) -> Result<Kfunc, RegistryError> {
    let user = User { name: decl.name, place: decl.place };
    check_version(decl.header.is_current(), user)?;
    let written = KfuncFlags::from_bits_truncate(decl.flags);
    let signature = Signature { args: decl.args, flags: written, user };
    lowered.params.clear();
    signature.lower_into(types, lowered)?;
    let registers = lowered.args.len();
    if registers > MAX_REGISTERS {
        let problem = format!("takes {registers} registers; a call has {MAX_REGISTERS} (memory takes two)");
        return Err(user.signature(problem));
    }
    let (ret, ret_type) = signature.ret(&decl.ret, decl.tie, types)?;
    let args = std::mem::take(&mut lowered.args);
    check_iterator(decl, &args, &ret, types).map_err(|problem| user.signature(problem))?;
    let mut flags = written | implied(&args, &ret);
    if decl.ret.form == RetForm::Object && decl.ret.trust == TrustDecl::Rcu {
        flags |= KfuncFlags::RCU_PROTECTED;
    }

    let proto = types.prototype(ret_type, &lowered.params);
    let func =
        types.push(BtfType::Func(Func { name: Text::fixed(decl.name), proto, linkage: Linkage::Global }));
    types.tag(func, None, Text::fixed("bpf_kfunc"));
    for (_, tag) in FLAG_TAGS.iter().filter(|(flag, _)| flags.contains(*flag)) {
        types.tag(func, None, Text::fixed(tag));
    }
    if let [ArgDecl { shape: ArgShape { form: ArgForm::RawErased, .. }, .. }] = decl.args
        && let [ArgProto { kind: ArgKind::Object { ty, .. }, .. }] = &args[..]
    {
        let text = [ERASED, types.name(ty.id)].concat();
        types.tag(func, None, text);
    }
    let available = Availability::of(decl, registered);
    for text in available.tags() {
        types.tag(func, None, text);
    }
    types.tag_signature(func, &args, &ret);
    tag_place(func, decl.place, types);
    if !decl.deprecated.is_empty() {
        types.tag(func, None, ["deprecated:", decl.deprecated].concat());
    }
    if !decl.doc_tag.is_empty() {
        types.tag(func, None, Text::fixed(decl.doc_tag));
    }
    Ok(Kfunc {
        proto: Arc::new(KfuncProto {
            name: Text::fixed(decl.name),
            args,
            ret,
            flags,
            func: TypeRef::host(func),
            intrinsic: None,
            declared_at: Some(declared_at(decl.place)),
        }),
        doc: Text::fixed(decl.doc()),
        deprecated: Text::fixed(decl.deprecated),
        addr: Some(CodeAddr(decl.shim.addr())),
        available,
        owner: owner.clone(),
    })
}

/// The kernel's rules for the functions of an iterator (`btf_check_iter_kfuncs`).
fn check_iterator(decl: &KfuncDecl, args: &[ArgProto], ret: &RetProto, types: &Types) -> Result<(), String> {
    let roles = args.iter().filter_map(|arg| {
        let ArgKind::Iter { ty, role } = arg.kind else { return None };
        (role != IterRole::Use).then(|| (types.name(ty.id), role))
    });
    let Some((state, role)) = roles.into_iter().next() else {
        let flags = KfuncFlags::from_bits_truncate(decl.flags);
        let iterates = KfuncFlags::ITER_NEW | KfuncFlags::ITER_NEXT | KfuncFlags::ITER_DESTROY;
        let problem = "is a function of an iterator, but its first parameter is no state of one";
        return if flags.intersects(iterates) { Err(problem.to_owned()) } else { Ok(()) };
    };
    let word = match role {
        IterRole::New => "new",
        IterRole::Next => "next",
        IterRole::Destroy | IterRole::Use => "destroy",
    };
    let expected = format!("{state}_{word}");
    if decl.name != expected {
        return Err(format!("is a function of the iterator `{state}`, so its name is `{expected}`"));
    }
    if role != IterRole::New && args.len() != 1 {
        return Err("takes more than the iterator's state: `next` and `destroy` take nothing else".to_owned());
    }
    let pointer = matches!(ret.kind, RetKind::Object { .. } | RetKind::Memory { .. });
    match role {
        IterRole::Next if !pointer || ret.null == Nullness::NonNull => {
            Err("gives no `Option` of a reference: `next` of an iterator gives NULL at its end".to_owned())
        }
        IterRole::Destroy if ret.kind != RetKind::Void => {
            Err("gives something: `destroy` of an iterator gives nothing".to_owned())
        }
        IterRole::New | IterRole::Next | IterRole::Destroy | IterRole::Use => Ok(()),
    }
}

/// Where the declaration stands.
pub(super) fn tag_place(of: BtfId, place: Place, types: &mut Types) {
    types.tag(of, None, Text::fixed(place.tag));
}

/// The flags that a signature says by itself.
fn implied(args: &[ArgProto], ret: &RetProto) -> KfuncFlags {
    let mut flags = KfuncFlags::empty();
    for arg in args {
        if let ArgKind::Object { demand, .. } = &arg.kind {
            match demand {
                Demand::Owned => flags |= KfuncFlags::RELEASE,
                Demand::Rcu => flags |= KfuncFlags::RCU,
                Demand::Trusted | Demand::Exclusive | Demand::Untrusted => {}
            }
        }
        if matches!(arg.kind, ArgKind::KptrSlot { .. }) {
            flags |= KfuncFlags::KPTR_GET;
        }
    }
    if let RetKind::Object { trust, .. } = &ret.kind {
        match trust {
            RetTrust::Owned => flags |= KfuncFlags::ACQUIRE,
            RetTrust::Rcu => flags |= KfuncFlags::RCU_PROTECTED,
            RetTrust::Borrowed(_) | RetTrust::Trusted | RetTrust::Untrusted => {}
        }
    }
    if ret.null == Nullness::Nullable {
        flags |= KfuncFlags::RET_NULL;
    }
    flags
}
