//! kfuncs: their FUNC in BTF with the tags that Linux and the interface file use, and their contract.

use std::sync::Arc;

use opswap_bpf::TypeRef;
use opswap_bpf::btf::{BtfType, Func};
use opswap_bpf::program::Linkage;
use opswap_bpf::proto::{
    ArgKind, ArgProto, DeclaredAt, Demand, KfuncFlags, KfuncProto, Nullness, RetKind, RetProto, RetTrust,
};
use opswap_jit::CodeAddr;

use super::contract::Signature;
use super::error::RegistryError;
use super::types::{Types, User, check_version};
use super::{Kfunc, sorted_by_name};
use crate::declare::{KfuncDecl, Place};

/// Registers that a call has (as Linux 7.2: five, and seven on the stack).
const MAX_REGISTERS: usize = 12;

/// All kfuncs, sorted by name.
pub(super) fn lower(records: &[KfuncDecl], types: &mut Types) -> Result<Vec<Kfunc>, RegistryError> {
    let sorted = sorted_by_name("kfunc", records, |decl| (decl.name, decl.place))?;
    sorted.into_iter().map(|decl| kfunc(decl, types)).collect()
}

pub(super) fn declared_at(place: Place) -> DeclaredAt {
    DeclaredAt { file: place.file.to_owned(), line: place.line }
}

fn kfunc(decl: &KfuncDecl, types: &mut Types) -> Result<Kfunc, RegistryError> {
    let user = User { name: decl.name, place: decl.place };
    check_version(decl.header.is_current(), user)?;
    let written = KfuncFlags::from_bits_truncate(decl.flags);
    let signature = Signature { args: decl.args, flags: written, user };
    let lowered = signature.lower(types)?;
    if lowered.len() > MAX_REGISTERS {
        let problem =
            format!("takes {} registers; a call has {MAX_REGISTERS} (memory takes two)", lowered.len());
        return Err(user.signature(problem));
    }
    let (ret, ret_type) = signature.ret(&decl.ret, decl.tie, types)?;
    let (args, params): (Vec<_>, Vec<_>) =
        lowered.into_iter().map(|lowered| (lowered.proto, lowered.param)).unzip();
    let flags = written | implied(&args, &ret);

    let proto = types.intern(BtfType::FuncProto { ret: ret_type, params });
    let func =
        types.push(BtfType::Func(Func { name: decl.name.to_owned(), proto, linkage: Linkage::Global }));
    types.tag(func, None, "bpf_kfunc");
    for (name, _) in flags.iter_names() {
        types.tag(func, None, format!("kfunc:{}", name.to_lowercase()));
    }
    for (at, arg) in args.iter().enumerate() {
        for text in arg_tags(arg) {
            types.tag(func, Some(at), text);
        }
    }
    if !decl.doc.is_empty() {
        types.tag(func, None, format!("doc:{}", decl.doc));
    }
    Ok(Kfunc {
        proto: Arc::new(KfuncProto {
            name: decl.name.to_owned(),
            args,
            ret,
            flags,
            func: TypeRef::host(func),
            intrinsic: None,
            declared_at: Some(declared_at(decl.place)),
        }),
        place: decl.place,
        doc: decl.doc,
        deprecated: decl.deprecated,
        addr: CodeAddr(decl.shim.addr()),
        programs: decl.programs,
        sets: decl.sets,
        filter: decl.filter,
    })
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

/// What C cannot say about an argument.
pub(super) fn arg_tags(arg: &ArgProto) -> Vec<String> {
    let mut tags = Vec::new();
    if let ArgKind::Object { demand, .. } = &arg.kind {
        match demand {
            Demand::Exclusive => tags.push("arg:exclusive".to_owned()),
            Demand::Owned => tags.push("arg:owned".to_owned()),
            Demand::Rcu => tags.push("arg:rcu".to_owned()),
            Demand::Untrusted => tags.push("arg:untrusted".to_owned()),
            Demand::Trusted => {}
        }
    }
    if let ArgKind::Checked { legal, .. } = &arg.kind {
        let values: Vec<String> = legal.iter().map(u64::to_string).collect();
        tags.push(format!("arg:checked={}", values.join(",")));
    }
    tags
}
